"""Metrics, logs and traces for the person who operates the service. Every package may use this one; it imports none."""
