"""The space as rows of numbers, and the part of it where suggestions may lie."""
