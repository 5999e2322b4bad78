"""Acquisition functions: what the next suggestion maximises."""
