"""The doors of Azure ML's scoring server."""
