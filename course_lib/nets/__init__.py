"""Blocks that two or more models share; they know nothing of the course."""
