"""The search for the row where an acquisition function has its highest value."""
