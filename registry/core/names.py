"""The rules for names, versions, digests and references, each in one place."""

import re
from typing import NamedTuple

from registry.core.errors import InvalidInput

# Azure ML v2: endpoints and deployments, 3 to 32 characters. Names are unique without regard to case.
ENDPOINT_NAME = re.compile(r"[a-zA-Z](?:[-a-zA-Z0-9]{1,30}[a-zA-Z0-9])\Z")
# MLflow allows almost anything in a model's name; this is what can be one folder's name and a part of a reference.
MODEL_NAME = re.compile(r"(?!\.{1,2}\Z)(?!\s)[^/:@\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,128}(?<!\s)\Z")
MAX_FOLDER_BYTES = 255  # of a folder's name, in the file systems of the nodes
DATASET_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}\Z")
MODEL_ALIAS = re.compile(r"[-\w]{1,255}\Z")
RESERVED_ALIAS = re.compile(r"(?:latest|v[0-9]+)\Z", re.IGNORECASE)
# OCI distribution specification: components between slashes, as in team/cancer.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
IMAGE_NAME = re.compile(rf"(?=.{{1,128}}\Z){_COMPONENT}(?:/{_COMPONENT})*\Z")
IMAGE_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}\Z")
IMAGE_NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z")  # a tag that reads as one that the workspace gives
DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
VERSION_NUMBER = re.compile(r"[0-9]{1,9}\Z")
MODEL_REFERENCE = re.compile(r"(?:azureml:)?(?P<name>[^:@/]+)(?::(?P<version>[0-9]{1,9})|@(?P<alias>[^:@/]+))\Z")

_RULES = {
    "endpoint": (
        ENDPOINT_NAME,
        "3 to 32 letters, digits and hyphens, beginning with a letter and not ending with a hyphen",
    ),
    "deployment": (
        ENDPOINT_NAME,
        "3 to 32 letters, digits and hyphens, beginning with a letter and not ending with a hyphen",
    ),
    "model": (
        MODEL_NAME,
        "1 to 128 characters, none of them '/', ':', '@', a backslash or a control character, no space at either end, "
        "and neither '.' nor '..'",
    ),
    "dataset": (DATASET_NAME, "1 to 128 letters, digits, '.', '_' and '-', beginning with a letter or digit"),
    "alias": (MODEL_ALIAS, "1 to 255 letters, digits, '_' and '-'"),
    "image": (IMAGE_NAME, "at most 128 lower-case letters and digits, separated by '.', '_', '-' or '/'"),
    "tag": (IMAGE_TAG, "1 to 128 letters, digits, '.', '_' and '-'"),
    "digest": (DIGEST, "'sha256:' and 64 hexadecimal digits"),
}


class ModelReference(NamedTuple):
    """``azureml:cancer:1``, ``cancer:1``, ``cancer@latest`` or ``cancer@champion``."""

    name: str
    version: int | None
    alias: str | None


class ImageReference(NamedTuple):
    """``cancer-onnx:1`` or ``cancer-onnx@sha256:…``; a bare name means the tag ``latest``."""

    name: str
    tag: str | None
    digest: str | None

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"


def check_name(kind: str, value: str) -> str:
    """Return ``value`` if it is a legal name of ``kind``.

    Raises:
        InvalidInput: it is not; the message gives the rule.
    """
    pattern, rule = _RULES[kind]
    if not pattern.match(value):
        raise InvalidInput(f"invalid {kind} name {value!r}: use {rule}", kind=kind, value=value)
    if kind == "model" and len(value.encode()) > MAX_FOLDER_BYTES:
        raise InvalidInput(f"invalid model name {value!r}: it has more than {MAX_FOLDER_BYTES} bytes", value=value)
    if kind == "alias" and RESERVED_ALIAS.match(value):
        raise InvalidInput(f"invalid alias name {value!r}: 'latest' and 'v' with a number are reserved", value=value)
    return value


def parse_model_reference(text: str) -> ModelReference:
    """Split a model reference.

    Raises:
        InvalidInput: the text is none of the accepted forms.
    """
    match = MODEL_REFERENCE.match(text)
    if match is None:
        raise InvalidInput(f"{text!r} is not a model reference: write azureml:NAME:VERSION or NAME@ALIAS", value=text)
    version = match["version"]
    return ModelReference(check_name("model", match["name"]), int(version) if version else None, match["alias"])


def parse_image_reference(text: str) -> ImageReference:
    """Split an image reference.

    Raises:
        InvalidInput: the text is none of the accepted forms.
    """
    name, at, digest = text.partition("@")
    if at:
        return ImageReference(check_name("image", name), None, check_name("digest", digest))
    name, _, tag = text.partition(":")
    return ImageReference(check_name("image", name), check_name("tag", tag or "latest"), None)
