"""The composition root: a family as Prefect flows, and the command line.

The only place that imports Prefect, and the only one that knows every stage. `build` is the
flow, `stages` the table of what there is to run, `cli` the commands.
"""
