"""The search for the row that an acquisition function values most."""
