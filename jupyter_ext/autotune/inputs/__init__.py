"""What users have at hand, made into what the service takes."""
