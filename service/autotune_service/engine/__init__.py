"""The engine: a pure function from (space, observations, pending, seed) to suggestions; there is no I/O."""
