"""Import an experiment: its document becomes rows, in this process or another one, and the rows are stored."""
