"""The surrogate models: Gaussian processes, their scales and hyperparameters."""
