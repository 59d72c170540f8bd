"""A Locust user of one endpoint. Run it with ``make load``, or ``locust -f loadtest/locustfile.py --host http://…:8000``.

Environment: SLIPWAY_KEY (the endpoint's key), SLIPWAY_ENDPOINT (its name), SLIPWAY_BODY (JSON, one request's body).
"""

import os
import random
import uuid

from locust import FastHttpUser, between, task

# The means of the breast-cancer features: a plausible row for the model of `make demo`.
MEANS = [
    14.1, 19.3, 92.0, 655, 0.096, 0.104, 0.089, 0.049, 0.181, 0.063, 0.405, 1.22, 2.87, 40.3, 0.007,
    0.025, 0.032, 0.012, 0.021, 0.004, 16.3, 25.7, 107, 881, 0.132, 0.254, 0.272, 0.115, 0.29, 0.084,
]  # fmt: skip
USERS = 10_000  # distinct traffic keys


class ScoringUser(FastHttpUser):  # type: ignore[misc] # locust publishes no types
    """One person: keeps her traffic key, asks, thinks for a moment, asks again."""

    wait_time = between(0.01, 0.1)

    def on_start(self) -> None:
        self.path = f"/endpoints/{os.environ.get('SLIPWAY_ENDPOINT', 'cancer')}/score"
        self.body = os.environ.get("SLIPWAY_BODY", "")
        self.headers = {
            "authorization": f"Bearer {os.environ.get('SLIPWAY_KEY', '')}",
            "content-type": "application/json",
            "x-user-id": f"user-{random.randrange(USERS)}",  # noqa: S311 - no secret
        }

    @task  # type: ignore[untyped-decorator] # locust publishes no types
    def score(self) -> None:
        headers = self.headers | {"x-ms-client-request-id": uuid.uuid4().hex}
        if self.body:
            self.client.post(self.path, data=self.body, headers=headers, name="score")
        else:
            row = [mean * random.uniform(0.8, 1.2) for mean in MEANS]  # noqa: S311 - no secret
            self.client.post(self.path, json={"data": [row]}, headers=headers, name="score")
