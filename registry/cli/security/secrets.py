"""``slipway secret``: values come from a prompt, a pipe or a file, never from the command line, and are never shown."""

import sys
from pathlib import Path

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.output import OUTPUT_OPTION, OutputFormat, print_done, print_rows, when
from registry.core.errors import InvalidInput
from registry.core.security.secrets import check_secret_name

NAME_ARGUMENT = typer.Argument(help="The secret's name.", callback=check_secret_name)


def set_secret(
    name: str = NAME_ARGUMENT,
    file: Path | None = typer.Option(None, help="Read the value from this file; default: a prompt, or a pipe."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Keep a value in the vault. One line end at the end of a pipe or file is not part of it.

    Example: slipway secret set warehouse-password --file password.txt
    """
    value = _value(file)
    with connect(url) as client:
        secret = client.secrets.set(name, value)
    print_done(f"secret {name} set", secret, output)


def list_secrets(output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """List the secrets, without their values.

    Example: slipway secret list
    """
    columns = {
        "secret": lambda secret: secret.name,
        "set": lambda secret: when(secret.updated_ms),
        "by": lambda secret: secret.who or "-",
        "created": lambda secret: when(secret.created_ms),
    }
    with connect(url) as client:
        print_rows(client.secrets.list(), columns, output, empty="no secrets yet: slipway secret set")


def delete(name: str = NAME_ARGUMENT, output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """Forget a secret. What uses it fails from now on.

    Example: slipway secret delete warehouse-password
    """
    with connect(url) as client:
        client.secrets.delete(name)
    print_done(f"secret {name} deleted", {"deleted": name}, output)


def _value(file: Path | None) -> str:
    try:
        if file is not None:
            content = file.read_bytes().decode()
        elif sys.stdin.isatty():
            return str(typer.prompt("value", hide_input=True, err=True))
        else:
            content = sys.stdin.read()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("the value is not UTF-8 text") from error
    return content.removesuffix("\n").removesuffix("\r")
