"""What other libraries for the same task have: their spaces, studies and snapshots, to and from."""
