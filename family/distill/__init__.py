"""Losses, and the one trainer."""
