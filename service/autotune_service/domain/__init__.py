"""Pure rules: what is valid, what follows from what. No I/O, no clock, no randomness."""
