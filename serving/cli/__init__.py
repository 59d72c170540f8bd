"""What the data plane contributes to the ``slipway`` command."""
