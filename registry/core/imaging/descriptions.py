"""What an image may say of itself: the one rule, for who takes images in and for who runs them."""

import re

import msgspec

from registry.core.errors import InvalidInput
from registry.core.imaging.containers import check_settings
from registry.core.imaging.images import MAX_MODELS, ImageConfig
from registry.core.imaging.samples import check_samples
from registry.core.names import check_name
from registry.core.paths import check_archive_path

SCHEMA = 1  # of ImageConfig
MAX_DESCRIPTION_BYTES = 64 << 10  # the registry remembers it with the image, and every list of images shows it
PYTHON_MINOR = re.compile(r"3\.(9|1[0-9])\Z")


def read_description(label: str) -> ImageConfig:
    """Read the label ``dev.slipway.image`` of an image's config.

    Raises:
        InvalidInput: it is no description, one of another version of Slipway's, or names what cannot be: a path that
            leads out of the image, a model or a Python that has no such name; or it is too long.
    """
    size = len(label.encode(errors="replace"))
    if size > MAX_DESCRIPTION_BYTES:
        raise InvalidInput(f"it has {size:,} bytes: {MAX_DESCRIPTION_BYTES:,} are the most")
    try:
        config = msgspec.json.decode(label, type=ImageConfig)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidInput(str(error)) from error
    if config.schema != SCHEMA:
        raise InvalidInput(f"it is written to schema {config.schema}, and this version of Slipway reads {SCHEMA}")
    if not PYTHON_MINOR.match(config.python):
        raise InvalidInput(f"{config.python[:40]!r} is no minor version of Python from 3.9 on")
    check_name("digest", config.environment)
    if not 1 <= len(config.models) <= MAX_MODELS:
        raise InvalidInput(f"it names {len(config.models)} models, and an image has 1 to {MAX_MODELS}")
    for model in config.models:
        check_name("model", model.name)
        if model.version < 1:
            raise InvalidInput(f"model {model.name!r} has version {model.version}: they begin with 1")
    check_samples(config.samples, "samples")
    paths = [*(model.path for model in config.models), *(sample.path for sample in config.samples)]
    for path in (*paths, *([config.scoring_script] if config.scoring_script is not None else [])):
        check_archive_path(path)
    if config.docker is not None:
        check_settings(config.docker, "docker")
    return config
