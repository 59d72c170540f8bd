"""What decides which requests run when: between the doors and the model."""
