"""``slipway score``: send one request to an endpoint, as a client would."""

import re
import sys
from pathlib import Path

import httpx
import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.names import ENDPOINT_ARGUMENT
from registry.core.errors import InvalidInput, SlipwayError, Unavailable
from registry.core.names import check_name

DEPLOYMENT = "azureml-model-deployment"  # what a request asks for, and which one answered
ASKS_FOR_THE_LOGS = "Check the logs for more info."  # how Azure's servers end what they say of a script that failed
KEY = re.compile(r"[!-~]+\Z")


class ScoringFailed(SlipwayError):
    """The endpoint answered, but not with 200."""

    code = "scoring_failed"


def score(
    endpoint: str = ENDPOINT_ARGUMENT,
    data: str = typer.Option(..., "--data", "-d", help="The JSON body, @FILE, or - for standard input."),
    key: str = typer.Option(..., envvar="SLIPWAY_KEY", help="One of the endpoint's keys."),
    deployment: str | None = typer.Option(None, help="Ask this deployment, whatever the split says."),
    url: str | None = URL_OPTION,
) -> None:
    """Score one request at an endpoint's /score and print the answer.

    Example: SLIPWAY_KEY=… slipway score cancer --data @rows.json --deployment green
    """
    if not KEY.match(key):
        raise InvalidInput("--key: a key is printable ASCII without spaces")
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    if deployment is not None:
        headers[DEPLOYMENT] = check_name("deployment", deployment)
    body = _body(data)
    edge = connect(url).services.url("edge")
    try:
        answer = httpx.post(
            f"{edge}/endpoints/{endpoint}/score",
            content=body,
            headers=headers,
            timeout=200.0,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise Unavailable(f"the edge at {edge} does not answer: {error}") from error
    if answer.status_code != 200:
        request = answer.headers.get("x-request-id", "unknown")
        reason, logs = _reason(answer), ""
        if reason.endswith(ASKS_FOR_THE_LOGS) and DEPLOYMENT in answer.headers:
            logs = f"; see slipway logs {endpoint}/{answer.headers[DEPLOYMENT]}"
        raise ScoringFailed(f"{endpoint} answered {answer.status_code}: {reason} (request {request}){logs}")
    typer.echo(answer.text)


def _reason(answer: httpx.Response) -> str:
    """Return the message of an error in any protocol's shape, without what is said elsewhere."""
    try:
        body = answer.json()
        error = body.get("error", body)
        said = error["message"] if isinstance(error, dict) else error
    except (ValueError, KeyError, AttributeError):
        said = answer.text
    return str(said).strip()[:500]


def _body(data: str) -> bytes:
    if data == "-":
        return sys.stdin.buffer.read()
    if data.startswith("@"):
        try:
            return Path(data[1:]).read_bytes()
        except OSError as error:
            raise InvalidInput(f"cannot read {data[1:]}: {error.strerror}") from error
    return data.encode()
