"""KServe's first protocol: ``/v1/models/NAME:predict``."""
