"""The engine: a pure function from (space, observations, pending, seed) to suggestions, without any I/O."""
