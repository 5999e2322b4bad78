"""The loop for a function: in turn, or several runs at a time."""
