"""The composition root: the stage table, Prefect's flows and the command line."""
