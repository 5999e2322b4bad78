"""What whoever runs the service sees of it: metrics, logs and traces. Every room may use it, and it imports none."""
