"""Ask the scoring process of this container whether it is ready, and exit 0 if it is: the container's health check."""

from __future__ import annotations

import http.client
import os
import sys

HTTP_PORT_VARIABLE = "SLIPWAY_HTTP_PORT"
TIMEOUT_S = 4.0


def main() -> int:
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ[HTTP_PORT_VARIABLE]), timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/-/ready")
        answer = connection.getresponse()
        body = answer.read(1000)
    except OSError as error:
        sys.stderr.write(f"the scoring process does not answer: {error}\n")
        return 1
    if answer.status != 200:
        sys.stderr.write(f"the scoring process is not ready: {body.decode(errors='replace')}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
