"""The commands of whoever runs the service, a file for each part of the help."""
