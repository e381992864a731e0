"""Several processes that share the work of one stage, on one node or on several."""
