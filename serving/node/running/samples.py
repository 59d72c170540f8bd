"""Send an image's sample requests to a scoring process that serves, and hold its answers against the recorded ones."""

import json
from urllib.parse import quote

import httpx

from registry.core.imaging.images import ImageConfig
from registry.core.imaging.samples import BINARY, MAX_ANSWERS_BYTES, Answer, Door, Sample
from serving.node.errors import NotReproduced, SampleFailed
from serving.node.running.launch import Launch, read_description
from serving.node.running.process import ScoringProcess
from serving.policy.answers import differences

_JSON_LENGTH = "inference-header-content-length"
_SLACK_S = 5.0  # beyond a request's own time, which the scoring process keeps


class Asker:
    """Asks one scoring process, which serves at ``address``, the samples of its image."""

    def __init__(self, launch: Launch, process: ScoringProcess, address: str, http: httpx.AsyncClient) -> None:
        self._launch = launch
        self._process = process
        self._address = address
        self._http = http

    async def ask(self, config: ImageConfig) -> list[Answer]:
        """Send each sample once, one after the other.

        Raises:
            SampleFailed: one is not answered with a 2xx; the message has the script's own error line.
            ProcessDied: the process ended over one.
        """
        answers: list[Answer] = []
        for position, sample in enumerate(config.samples):
            left = MAX_ANSWERS_BYTES - sum(len(answer.body) for answer in answers)
            answers.append(await self._answer(sample, f"sample-{position}", left))
        return answers

    async def _answer(self, sample: Sample, request_id: str, most_bytes: int) -> Answer:
        body = (self._launch.image / sample.path).read_bytes()
        timeout_s = self._launch.request_settings.request_timeout_ms / 1000 + _SLACK_S
        request = self._http.build_request(
            "POST",
            f"http://{self._address}{self._path(sample.door)}",
            content=body,
            headers=self._headers(sample, body, request_id),
            timeout=timeout_s,
        )
        try:
            response = await self._http.send(request, stream=True)
            try:
                content = await _read(response, most_bytes, sample)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise await self._process.last_words(f"did not answer {_named(sample)}: {reason}") from error
        if not response.is_success:
            reason = self._process.failure_of(request_id) or _message(content)
            raise SampleFailed(f"{_named(sample)} was answered with {response.status_code}: {reason}")
        length = response.headers.get(_JSON_LENGTH)
        return Answer(
            sample=sample.name,
            status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            body=content,
            json_bytes=int(length) if length else None,
        )

    def _path(self, door: Door) -> str:
        return f"/v2/models/{quote(self._launch.serve_as, safe='')}/infer" if door is Door.INFER else door.value

    def _headers(self, sample: Sample, body: bytes, request_id: str) -> dict[str, str]:
        headers = {"content-type": sample.content_type, "x-request-id": request_id}
        if self._launch.secret is not None:
            headers["x-slipway-edge"] = self._launch.secret
        if sample.content_type == BINARY:
            headers[_JSON_LENGTH] = str(_json_length(body))
        return headers


async def reproduce(launch: Launch, process: ScoringProcess, address: str, http: httpx.AsyncClient) -> None:
    """See that a process which serves answers its image's samples as when that was built; else it is being killed.

    Raises:
        SampleFailed: a sample is not answered with a 2xx.
        NotReproduced: answers differ beyond the tolerance; the message has the first differences.
        ProcessDied: the process ended over it.
    """
    config = read_description(launch.image)
    if not config.samples:
        return
    try:
        answers = await Asker(launch, process, address, http).ask(config)
        if launch.golden is not None:
            compare(config, launch.golden.answers, answers, "not answered as when the image was built")
    except BaseException:
        process.kill()
        raise


def compare(config: ImageConfig, expected: list[Answer], got: list[Answer], what: str) -> None:
    """Raise NotReproduced unless every answer is as expected, within its sample's tolerance."""
    if len(expected) != len(config.samples):
        raise NotReproduced(f"the image has {len(config.samples)} samples, and {len(expected)} answers are recorded")
    for sample, one, other in zip(config.samples, expected, got, strict=True):
        found = differences(one, other, sample.door, sample.tolerance)
        if found:
            told = "; ".join(str(difference) for difference in found)
            raise NotReproduced(f"{_named(sample)} was {what}: {told} (tolerance: {sample.tolerance})")


async def _read(response: httpx.Response, most_bytes: int, sample: Sample) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > most_bytes:
            raise SampleFailed(
                f"the answer to {_named(sample)} is too large: all together may have {MAX_ANSWERS_BYTES:,} bytes"
            )
    return bytes(content)


def _json_length(body: bytes) -> int:
    """Return where the JSON at the body's start ends; binary tensors may follow it."""
    try:
        return json.JSONDecoder().raw_decode(body.decode("latin-1"))[1]
    except ValueError:
        return len(body)


def _message(content: bytes) -> str:
    """Read the message in an error's body, in either shape that a door gives it."""
    try:
        document = json.loads(content)
        return str(document.get("message") or document.get("error") or document)
    except (ValueError, AttributeError):
        return content[:200].decode(errors="replace")


def _named(sample: Sample) -> str:
    return f"sample {sample.name} at {sample.door}"
