"""One module for each model that can be trained; each holds a ``recipe``."""
