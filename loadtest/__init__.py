"""Load and measurement: the demo, Locust users, benchmarks. Knows Slipway only by its command, HTTP and gRPC."""
