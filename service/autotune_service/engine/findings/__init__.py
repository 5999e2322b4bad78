"""What the data and the models show: the best, the front, importance, slices and the health of the experiment."""
