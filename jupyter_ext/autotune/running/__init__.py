"""The loop that runs a function: one run after the other, or several at the same time."""
