"""Endpoints and deployments: what should run."""
