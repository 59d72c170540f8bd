"""``slipway endpoint …-key``: an endpoint's keys."""

from collections.abc import Mapping

import msgspec
import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.deploying.settling import await_edges
from registry.cli.moments import moment_or_length
from registry.cli.names import ENDPOINT_ARGUMENT
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, note, print_done, print_json, when
from registry.core.deploying.keys import KeyHash, KeyRules, RateLimit, check_key_name
from registry.core.errors import InvalidInput, NotFound
from registry.core.times import length_s

KEY_OPTION = typer.Option(
    ...,
    "--key",
    help="The key's name: primary, secondary, or another.",
    callback=lambda name: check_key_name(name, "--key"),
)
DEPLOYMENTS_OPTION = typer.Option(None, help="What the key reaches, as blue,green; all: every deployment.")
OVERRIDE_OPTION = typer.Option(
    None,
    "--allow-override/--no-override",
    help="Whether its requests may choose a deployment by azureml-model-deployment, or a model version.",
)
RATE_OPTION = typer.Option(None, help="At most so many requests, as 100/s or 600/m; none: as many as come.")
BURST_OPTION = typer.Option(None, min=1, help="How many of them may come at once.")
EXPIRES_OPTION = typer.Option(None, help="When it ceases, as 30d or 2027-03-01; never: not.")


def create_key(
    name: str = ENDPOINT_ARGUMENT,
    key: str = KEY_OPTION,
    deployments: str | None = DEPLOYMENTS_OPTION,
    allow_override: bool | None = OVERRIDE_OPTION,
    rate_limit: str | None = RATE_OPTION,
    burst: int | None = BURST_OPTION,
    expires: str | None = EXPIRES_OPTION,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Add a key to an endpoint, beside primary and secondary, and print it: it is shown this once.

    Example: slipway endpoint create-key cancer --key partner --deployments blue --rate-limit 100/s --expires 30d
    """
    rules = _changed(KeyRules(), deployments, allow_override, rate_limit, burst, expires)
    client = connect(url)
    _print_new(client.endpoints.create_key(name, key, rules), output)
    await_edges(client)


def change_key(
    name: str = ENDPOINT_ARGUMENT,
    key: str = KEY_OPTION,
    deployments: str | None = DEPLOYMENTS_OPTION,
    allow_override: bool | None = OVERRIDE_OPTION,
    rate_limit: str | None = RATE_OPTION,
    burst: int | None = BURST_OPTION,
    expires: str | None = EXPIRES_OPTION,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Change what a key may do, from now on. What is not given stays.

    Example: slipway endpoint change-key cancer --key partner --rate-limit 200/s
    """
    client = connect(url)
    before = next((one for one in client.endpoints.get(name).keys if one.name == key), None)
    if before is None:
        raise NotFound(f"endpoint {name!r} has no key {key!r}: `slipway endpoint show {name}` shows those it has")
    rules = _changed(before.rules, deployments, allow_override, rate_limit, burst, expires)
    changed = client.endpoints.change_key(name, key, rules)
    after = next(one for one in changed.keys if one.name == key)
    print_done(described(after), after, output)
    await_edges(client)


def delete_key(
    name: str = ENDPOINT_ARGUMENT,
    key: str = KEY_OPTION,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Delete a key that was made beside primary and secondary: its clients get 401.

    Example: slipway endpoint delete-key cancer --key partner
    """
    client = connect(url)
    client.endpoints.delete_key(name, key)
    print_done(f"key {key} of {name} deleted", {"deleted": key}, output)
    await_edges(client)


def regenerate_key(
    name: str = ENDPOINT_ARGUMENT,
    key: str = KEY_OPTION,
    overlap: str | None = typer.Option(None, help="How long the old one is valid yet, as 10m; without it, not at all."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Replace one of an endpoint's keys and print the new one: it is shown this once.

    Example: slipway endpoint regenerate-key cancer --key secondary --overlap 10m
    """
    overlap_s = 0 if overlap is None else length_s(overlap, "--overlap")
    client = connect(url)
    _print_new(client.endpoints.regenerate_key(name, key, overlap_s), output)
    await_edges(client)
    if output is not OutputFormat.JSON:
        since = "now get 401" if overlap is None else f"get 401 in {overlap}"
        note(f"clients with the old {key} key of {name} {since}")


def get_credentials(
    name: str = ENDPOINT_ARGUMENT,
    key: str = typer.Option("primary", "--key", help="In the name of which key, whose rules then hold."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Get a token of an endpoint with auth_mode: aml_token. Keys cannot be shown again: regenerate-key makes another.

    Example: slipway endpoint get-credentials cancer --output json
    """
    token = connect(url).endpoints.issue_token(name, check_key_name(key, "--key"))
    if output is OutputFormat.JSON:
        print_json(token)
        return
    console.print(token.access_token, highlight=False, soft_wrap=True, markup=False)
    refresh, end = when(token.refresh_after_time_utc * 1000), when(token.expiry_time_utc * 1000)
    note(f"it opens {name} until {end}; from {refresh} on, get another")


def rotate_token_key(
    yes: bool = typer.Option(False, "--yes", help="Every token of every endpoint ceases: say that you mean it."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Sign the tokens of all endpoints with a new key: every token of before ceases. One endpoint's: regenerate-key.

    Example: slipway endpoint rotate-token-key --yes
    """
    if not yes:
        raise InvalidInput("every token of every endpoint ceases: give --yes")
    client = connect(url)
    client.endpoints.rotate_token_key()
    print_done("clients with tokens get 401 until they have got others", {"rotated": True}, output)
    await_edges(client)


def print_new_keys(keys: Mapping[str, str]) -> None:
    """Print keys in the clear, by name."""
    width = max((len(name) for name in keys), default=0)
    for name, key in keys.items():
        console.print(f"  {name:{width}}  {key}", highlight=False, soft_wrap=True, markup=False)


def described(key: KeyHash) -> str:
    """Return a key in a line: its name, the beginning of its hash, and what it may do."""
    rules = key.rules
    said = [
        f"sha256 {key.sha256[:8]}…",
        f"only {', '.join(rules.deployments)}" if rules.deployments else "",
        "" if rules.allow_override else "no override",
        str(rules.rate_limit) if rules.rate_limit else "",
        f"until {when(rules.expires_ms)}" if rules.expires_ms else "",
        *(f"the one before until {when(old.until_ms)}" for old in key.replaced),
    ]
    return f"{key.name} ({'; '.join(part for part in said if part)})"


def _print_new(key: str, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json({"key": key})
    else:
        console.print(key, highlight=False, soft_wrap=True, markup=False)


def _changed(
    rules: KeyRules,
    deployments: str | None,
    allow_override: bool | None,
    rate_limit: str | None,
    burst: int | None,
    expires: str | None,
) -> KeyRules:
    """Return ``rules`` with what was given in its place. Raises InvalidInput."""
    changes: dict[str, object] = {}
    if deployments is not None:
        changes["deployments"] = [] if deployments == "all" else deployments.replace(",", " ").split()
    if allow_override is not None:
        changes["allow_override"] = allow_override
    if rate_limit is not None:
        changes["rate_limit"] = None if rate_limit == "none" else _rate(rate_limit, burst)
    elif burst is not None:
        if rules.rate_limit is None:
            raise InvalidInput("--burst belongs to a limit: give --rate-limit, such as 100/s")
        changes["rate_limit"] = msgspec.structs.replace(rules.rate_limit, burst=burst)
    if expires is not None:
        changes["expires_ms"] = None if expires == "never" else moment_or_length(expires, "--expires")
    return msgspec.structs.replace(rules, **changes)


def _rate(text: str, burst: int | None) -> RateLimit:
    number, _, unit = text.partition("/")
    period = {"s": "second", "second": "second", "m": "minute", "minute": "minute"}.get(unit)
    if period is None or not number.isdecimal() or not 0 < int(number) < 1 << 31:
        raise InvalidInput(f"--rate-limit {text!r}: write 100/s or 600/m, or none")
    return msgspec.convert({"requests": int(number), "per": period, "burst": burst}, RateLimit)
