"""Where a student starts: its vocabulary, its shape, and the weights that it inherits."""
