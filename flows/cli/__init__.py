"""`descent`: one thin module per command; what is heavy is imported inside it."""
