"""What the pictures are made of: runs and their marks, axes, grids, texts and the frame."""
