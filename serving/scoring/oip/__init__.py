"""The doors of the Open Inference Protocol in Triton's dialect, over HTTP and gRPC."""
