"""Open a flagship, wherever it is and in whatever form, and any model folder after it."""
