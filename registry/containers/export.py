"""Export an image of a workspace as a container image: read both, check the base, install, stack, write."""

import contextlib
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from registry.containers.base import check_architecture, find_python
from registry.containers.environment import environment_entries
from registry.containers.opening import Reach, open_source, open_target, reach_from
from registry.containers.sources import Source, StoredImage, file_digest
from registry.containers.stack import manifest_of, stack
from registry.containers.targets import Container, Piece
from registry.core.errors import InvalidInput
from registry.core.imaging.container_locations import Location, RegistryLocation
from registry.core.imaging.containers import ContainerSettings
from registry.core.imaging.images import (
    CONFIG_TYPE,
    LAYER_ANNOTATION,
    LAYER_TYPE,
    LOCK_PATH,
    Descriptor,
    Image,
    LayerKind,
)
from registry.images.pack import Entry, Link, entry_of_bytes, tar_chunks

DESCRIPTION = "image.json"  # where the scoring process looks for it, at the root

Report = Callable[[float, str], None]  # progress from 0.0 to 1.0, and what is being done


@dataclass(frozen=True)
class Order:
    """What to export: an image of the registry at ``registry_url``, onto ``base``, to ``target``."""

    registry_url: str
    image: Image
    base: Location
    target: Location
    settings: ContainerSettings
    variables: dict[str, str]  # of this process: logins are found through them

    @property
    def own(self) -> RegistryLocation:
        url = self.registry_url.rstrip("/")
        return RegistryLocation(url, url.partition("://")[2], self.image.name, self.image.digest)

    @property
    def tag(self) -> str:
        """What the container image is called where nobody says: the image's number."""
        return next((tag for tag in self.image.tags if tag.isdecimal()), "latest")


def export_image(order: Order, report: Report) -> str:
    """Export an image and return the container image's digest. The same order gives the same digest.

    Raises:
        InvalidInput: a location, the base or a blob is not what it should be.
        BuildFailed: the environment cannot be installed.
        NotFound, Unauthenticated, Forbidden, Unavailable: a registry's answer.
    """
    try:
        return _export(order, report)
    except OSError as error:  # what goes wrong where it is written to is told by who writes
        raise InvalidInput(
            f"cannot keep what is read in {tempfile.gettempdir()}: {error.strerror}: free some space, or set TMPDIR "
            "to a folder that has more"
        ) from error


def _export(order: Order, report: Report) -> str:
    reach = reach_from(order.own, order.variables)
    with tempfile.TemporaryDirectory(prefix="slipway-export-") as folder, contextlib.ExitStack() as open_places:
        scratch = Path(folder)
        report(0.0, f"reading {order.own}")
        ours = open_source(order.own, "", scratch, reach)
        open_places.callback(ours.close)
        image = ours.image()
        architecture = str(image.config.get("architecture"))
        base = _open_base(order.base, architecture, scratch, reach)
        open_places.callback(base.close)
        base_image = base.image()
        check_architecture(base_image, architecture)
        python = _python_of(base, base_image, order.image.config.python, report)
        pieces = [*_own_pieces(order, ours, image, python, scratch, report)]
        container = _container(order, base, base_image, image, pieces)
        _write(order, container, report)
        return container.descriptor.digest


def _python_of(base: Source, image: StoredImage, minor: str, report: Report) -> str:
    """Find the base's Python, which takes a while: every layer is looked through, as far as a decompressor is fast."""
    total, seen = sum(layer.size for layer in image.layers) or 1, 0

    def looked_through(layer: Descriptor) -> None:
        nonlocal seen
        seen += layer.size
        report(0.3 * seen / total, f"base: looked through {seen:,} of {total:,} bytes")

    python = find_python(base, image, minor, looked_through)
    report(0.3, f"base: {image.digest}, Python at {python}")
    return python


def _own_pieces(
    order: Order, ours: Source, image: StoredImage, python: str, scratch: Path, report: Report
) -> Iterable[tuple[Piece, str]]:
    """Yield the layers that go on the base, each with what it is: the environment, ours, the description."""
    lock, wheels = scratch / Path(LOCK_PATH).name, scratch / "wheels"
    kept = []
    for layer in image.layers:
        match layer.annotations.get(LAYER_ANNOTATION):
            case LayerKind.WHEELS:  # they are installed, and nobody needs them a second time
                _unpack(ours, layer, wheels)
            case LayerKind.ENVIRONMENT:
                _unpack(ours, layer, scratch)
                kept.append(layer)
            case _:
                kept.append(layer)
    if not lock.exists():
        raise InvalidInput(f"{order.image.name}@{order.image.digest} holds no {LOCK_PATH}: was it built by Slipway?")
    report(0.35, "installing the environment")
    architecture = str(image.config["architecture"])
    found = wheels if wheels.exists() else None
    minor = order.image.config.python
    entries = environment_entries(lock, found, minor, python, architecture, scratch / "site")
    yield _written(entries, scratch / "environment.tar"), "environment, installed"
    report(0.6, "environment installed")
    for layer in kept:
        yield Piece(layer, lambda layer=layer: ours.open(layer)), layer.annotations.get(LAYER_ANNOTATION, "layer")  # type: ignore[misc]
    description = msgspec.json.encode(order.image.config, order="deterministic")
    yield _written([entry_of_bytes(DESCRIPTION, description)], scratch / "description.tar"), "description"


def _unpack(ours: Source, layer: Descriptor, folder: Path) -> None:
    """Put a layer's files into ``folder``, by their last names alone."""
    folder.mkdir(exist_ok=True)
    with ours.open(layer) as file, tarfile.open(fileobj=file, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None:
                with (folder / Path(member.name).name).open("wb") as out:
                    shutil.copyfileobj(content, out, 1 << 20)


def _written(entries: Iterable[Entry | Link], file: Path) -> Piece:
    with file.open("wb") as out:
        for chunk in tar_chunks(entries):
            out.write(chunk)
    digest, size = file_digest(file)
    return Piece(Descriptor(media_type=LAYER_TYPE, digest=digest, size=size), lambda: file.open("rb"))


def _open_base(location: Location, architecture: str, scratch: Path, reach: Reach) -> Source:
    try:
        return open_source(location, architecture, scratch, reach)
    except InvalidInput as error:
        raise InvalidInput(f"the base image (--base): {error.message}", **error.details) from error


def _container(
    order: Order, base: Source, base_image: StoredImage, image: StoredImage, pieces: list[tuple[Piece, str]]
) -> Container:
    base_name = str(order.base) if isinstance(order.base, RegistryLocation) else ""
    source = f"{order.image.name}@{order.image.digest}"
    diff_ids = dict(
        zip((layer.digest for layer in image.layers), image.diff_ids, strict=True)
    )  # ours may be compressed
    added = [(diff_ids.get(piece.descriptor.digest, piece.descriptor.digest), what) for piece, what in pieces]
    config = stack(base_image, base_name, source, order.image.config, image, added, order.settings)
    config_piece = Piece.of_bytes(config, CONFIG_TYPE)
    layers = [Piece(layer, lambda layer=layer: base.open(layer)) for layer in base_image.layers]  # type: ignore[misc]
    layers += [piece for piece, _ in pieces]
    manifest = manifest_of(config_piece.descriptor, [piece.descriptor for piece in layers], base_image)
    return Container(order.image.name, manifest, (config_piece, *layers))


def _write(order: Order, container: Container, report: Report) -> None:
    total, written = sum(piece.descriptor.size for piece in container.pieces) or 1, 0

    def wrote(size: int) -> None:
        nonlocal written
        written += size
        report(0.6 + 0.4 * min(1.0, written / total), f"wrote {written:,} of {total:,} bytes")

    with contextlib.ExitStack() as open_places:
        target = open_target(order.target, order.tag, order.own, reach_from(order.own, order.variables))
        open_places.callback(target.close)
        target.write(container, wrote)
