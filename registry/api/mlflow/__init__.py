"""MLflow's REST API, as its own client speaks it: snake_case bodies, its error codes, unknown fields ignored."""
