"""``make bench-registry``: the registry beside MLflow's own server, on the same machine, in one run."""
