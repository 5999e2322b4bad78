"""Bring the event log to its watchers: a hub wakes them, and subscriptions read the log."""
