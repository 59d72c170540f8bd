"""Models and datasets, their versions and where they came from."""
