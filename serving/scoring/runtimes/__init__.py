"""What runs a model: ``base`` is the port, and one file each for onnxruntime and the user's script."""
