"""``slipway trust``, ``image sign`` and ``image verify``: signatures of images, and whose count."""

from pathlib import Path

import typer

from registry.cli.activity import follow
from registry.cli.context import URL_OPTION, connect
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, print_done, print_json, print_rows, when
from registry.core.errors import InvalidInput
from registry.core.imaging.signatures import SignaturePolicy, TrustedKey

REFERENCE_ARGUMENT = typer.Argument(help="NAME:TAG or NAME@DIGEST")


def list_keys(output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """Show the policy, and the public keys whose signatures count.

    Example: slipway trust list
    """
    columns = {
        "key": lambda key: key.id,
        "whose": lambda key: key.name,
        "": lambda key: "signs" if key.signing else "",
        "since": lambda key: when(key.created_ms),
        "public key": lambda key: key.public_key,
    }
    with connect(url) as client:
        keys = client.trust.get()
    if output is OutputFormat.JSON:
        print_json(keys)
        return
    print_rows(keys.keys, columns, output, empty="no keys yet: the first image that is built makes one")
    console.print(f"policy: {keys.policy}", highlight=False)


def add(
    name: str = typer.Argument(help="Whose key it is."),
    file: Path = typer.Option(..., "--file", "-f", help="The public key: base64 of 32 bytes, or PEM."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Trust another's public key: replicas of images that it signed may start.

    Example: slipway trust add build-farm --file build-farm.pub
    """
    try:
        text = file.read_text()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} is no public key: it is not text") from error
    with connect(url) as client:
        _show(client.trust.add(name, text), output, "is trusted")


def remove(
    key: str = typer.Argument(help="The key's id."), output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION
) -> None:
    """Trust a key no more. What runs goes on; nothing starts by that key's signature again.

    Example: slipway trust remove ed25519-0123456789abcdef
    """
    with connect(url) as client:
        client.trust.remove(key)
    print_done(f"{key} is trusted no more", {"deleted": key}, output)


def rotate(output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """Make a new key to sign with. The one before stays trusted until it is removed.

    Example: slipway trust rotate
    """
    with connect(url) as client:
        _show(client.trust.rotate(), output, "signs from now on")


def policy(
    policy: SignaturePolicy | None = typer.Argument(
        None, metavar="[off|warn|require]", help="require: without a good signature no replica starts."
    ),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Show or choose what happens to replicas of images without a good signature, from their next start on.

    Example: slipway trust policy warn
    """
    with connect(url) as client:
        found = (client.trust.get() if policy is None else client.trust.set_policy(policy)).policy
    print_done(f"policy: {found}", {"policy": found}, output)


def sign(
    reference: str = REFERENCE_ARGUMENT, output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION
) -> None:
    """Sign an image that was not built here, with the workspace's key. What is built here is signed already.

    Example: slipway image sign cancer-onnx:1
    """
    with connect(url) as client:
        signed = client.images.sign(reference)
    print_done(f"{reference} is signed by {signed.key}", signed, output)


def verify(
    reference: str = REFERENCE_ARGUMENT, output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION
) -> None:
    """Read an image whole again where it is kept, and look at its signature. Exits with 1 if anything is wrong.

    Example: slipway image verify cancer-onnx:1
    """
    with connect(url) as client:
        ended = follow(client, client.images.verify(reference), quiet=output is OutputFormat.JSON)
    if output is OutputFormat.JSON:
        print_json(ended)
    else:
        console.print(ended.message, highlight=False, soft_wrap=True)


def _show(key: TrustedKey, output: OutputFormat, what: str) -> None:
    print_done(f"{key.id} {what}", key, output)
