"""What is checked, and deleted for good."""
