"""The doors of MLflow's scoring server, and SageMaker's."""
