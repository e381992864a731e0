"""How the index's schema came to be, one script per change; applied as the index is opened."""
