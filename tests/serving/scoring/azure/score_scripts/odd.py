"""What may go wrong in a script's hands, by the text of the body."""

import time


def init():
    pass


def run(data, request_headers):
    if data == "raise":
        raise KeyError("x")
    if data == "slow":
        time.sleep(5)
    if data == "set":
        return {1, 2}
    if data == "none":
        return None
    if data == "nan":
        return [float("nan")]
    if data == "headers":
        return {name: request_headers.get(name) for name in ("X-Tenant", "Content-Type", "X-Missing")}
    return data
