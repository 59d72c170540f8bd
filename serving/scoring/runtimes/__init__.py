"""What runs a model: ``base`` is the port; one file each for onnxruntime, the user's script, and MLflow models."""
