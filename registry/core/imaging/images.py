"""Images as OCI artefacts: records, media types, and where things lie inside an unpacked image.

Source: OCI image specification 1.1 (manifest.md, config.md, layer.md, image-layout.md).
"""

from enum import StrEnum

import msgspec

from registry.core.imaging.acceleration import Acceleration, AccelerationRequest
from registry.core.imaging.containers import ContainerSettings
from registry.core.imaging.environments import EnvironmentRequest
from registry.core.imaging.resources import Resources
from registry.core.imaging.samples import Sample, SampleRequest

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
GZIP_LAYER_TYPE = f"{LAYER_TYPE}+gzip"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"  # of what an artefact needs and has not
EMPTY = b"{}"

# What is recorded about an image and is not part of its digest is attached to it, as an artefact of such a type.
MAX_ATTACHED_BYTES = 4 << 20
MAX_MODELS = 16  # of an image

LAYER_ANNOTATION = "dev.slipway.layer"  # on a layer's descriptor: a LayerKind
IMAGE_LABEL = "dev.slipway.image"  # in the config's labels: an ImageConfig as JSON

PATH_ANNOTATION = "dev.slipway.path"  # on the descriptor of a layer of one file: where that file lies

# Paths inside the image's file system, without the leading slash. Code and models are found where Azure ML puts them.
SCORING_PATH = "opt/slipway/scoring"  # goes on sys.path; holds the package slipway_scoring
LOCK_PATH = "opt/slipway/requirements.lock"
MAX_LOCK_BYTES = 4 << 20  # thousands of packages, each with the hashes of all its files
WHEELS_PATH = "opt/slipway/wheels"  # *.whl, if the image carries them
CODE_PATH = "var/azureml-app"
MODEL_FILES_PATH = "opt/slipway/models"  # /<position>/… : no name and no version, so that versions share layers
MODELS_PATH = "var/azureml-app/azureml-models"  # /<name>/<version>, a link to the model's files


class LayerKind(StrEnum):
    """In the order they are stacked: what changes least lies lowest."""

    SCORING = "scoring"
    ENVIRONMENT = "environment"
    WHEELS = "wheels"
    MODEL = "model"
    CODE = "code"
    SAMPLES = "samples"


class ImageKind(StrEnum):
    """``docker`` says how it runs as a container, too; ``accelerated`` holds a quantised model."""

    SCORING = "scoring"
    DOCKER = "docker"
    ACCELERATED = "accelerated"


class Runtime(StrEnum):
    """What runs the model: onnxruntime alone, the user's ``init()`` and ``run()``, or MLflow's python_function."""

    ONNX = "onnx"
    SCRIPT = "script"
    MLFLOW = "mlflow"


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    media_type: str = msgspec.field()
    digest: str
    size: int
    artifact_type: str = ""  # in a list of referrers
    annotations: dict[str, str] = {}


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An image, or an artefact: ``subject`` is then the image that it says something of."""

    schema_version: int
    media_type: str
    config: Descriptor
    layers: list[Descriptor]
    artifact_type: str = ""
    subject: Descriptor | None = None
    annotations: dict[str, str] = {}


class Index(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    schema_version: int = 2
    media_type: str = INDEX_TYPE
    manifests: list[Descriptor] = []


class ModelInImage(msgspec.Struct, frozen=True, kw_only=True):
    """A model version and its folder in the image, ``var/azureml-app/azureml-models/<name>/<version>``."""

    name: str
    version: int
    path: str
    run_id: str | None = None


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a node must know to run the image. Part of the digest, so nothing in it depends on clock or machine."""

    schema: int
    kind: ImageKind
    runtime: Runtime
    python: str  # minor version, "3.11"
    environment: str  # digest of the lock file; with platform and python it names the materialised environment
    models: list[ModelInImage]
    scoring_script: str | None = None  # relative to CODE_PATH
    samples: list[Sample] = []
    docker: ContainerSettings | None = None  # of kind docker: how it runs as a container
    acceleration: Acceleration | None = None  # of kind accelerated
    resources: Resources = Resources()

    @property
    def model_dir(self) -> str:
        """``AZUREML_MODEL_DIR`` below the image's root: the model's folder, or of several models the one above all."""
        return self.models[0].path if len(self.models) == 1 else MODELS_PATH


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image as the registry remembers it. Name, digest and config never change; tags move."""

    name: str
    digest: str
    tags: list[str]
    config: ImageConfig
    size_bytes: int
    layers: list[Descriptor]
    labels: dict[str, str] = {}  # the user's metadata tags
    description: str = ""
    created_ms: int


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an image is to be built from. ``code_digest`` names an uploaded tar of the code folder."""

    name: str
    kind: ImageKind = ImageKind.SCORING
    model: str | None = None
    models: list[str] = []
    code_digest: str | None = None
    scoring_script: str | None = None  # relative to the code folder
    environment: EnvironmentRequest = EnvironmentRequest()
    sample_requests: list[SampleRequest] = []
    docker: ContainerSettings | None = None
    acceleration: AccelerationRequest | None = None
    resources: Resources = Resources()
    labels: dict[str, str] = {}
    description: str = ""
