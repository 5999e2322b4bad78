"""From the event log to whoever watches: a hub that wakes, and subscriptions that read."""
