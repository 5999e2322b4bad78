"""The engine: a pure function from a problem to suggestions. The seed is in the problem; there is no I/O."""
