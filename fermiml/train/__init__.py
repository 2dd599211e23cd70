"""Training: fields and patches, the trainer, and the operating point of the result."""
