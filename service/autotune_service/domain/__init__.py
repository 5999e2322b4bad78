"""Pure rules: checks of what users send, stop rules, limits and errors. No I/O, no clock, no randomness."""
