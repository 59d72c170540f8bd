import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/registry.db"


def test_the_first_owners_token_is_made_on_the_store(slipway: Slipway, database: str) -> None:
    done = slipway("token", "create", "ada", "--role", "owner", "--days", "90", "--database", database)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("slipway_")
    assert done.stdout.count("\n") == 1  # what a shell takes as the token
    assert "shown this once" in done.stderr
    listed = json.loads(slipway("token", "list", "--output", "json", "--database", database).stdout)
    assert [(one["name"], one["role"]) for one in listed] == [("ada", "owner")]
    assert done.stdout.strip() not in json.dumps(listed)
    again = slipway("token", "create", "ada", "--database", database)
    assert (again.returncode, again.stderr) == (1, "error: there is a token 'ada' already: revoke it first\n")
    last = slipway("token", "revoke", "ada", "--database", database)
    assert (last.returncode, "last owner" in last.stderr) == (1, True)


def test_a_token_is_made_listed_and_revoked_through_the_door(slipway: Slipway, url: str) -> None:
    made = json.loads(slipway("token", "create", "bob", "-o", "json", "--url", url).stdout)
    assert (made["token"]["name"], made["token"]["role"]) == ("bob", "contributor")
    assert "bob" in slipway("token", "list", "--url", url).stdout
    assert slipway("token", "revoke", "bob", "--url", url).stdout == "token bob revoked\n"
    gone = slipway("token", "revoke", "bob", "--url", url)
    assert (gone.returncode, gone.stderr) == (1, "error: there is no live token 'bob'\n")


def test_the_audit_shows_what_was_done(slipway: Slipway, url: str) -> None:
    slipway("token", "create", "bob", "--url", url)
    for _ in range(20):
        found = json.loads(slipway("audit", "--since", "1e9", "--output", "json", "--url", url).stdout)
        if found:
            break
    assert [(row["method"], row["path"], row["status"]) for row in found] == [("POST", "/api/v1/tokens", 201)]
    assert "POST /api/v1/tokens" in slipway("audit", "--since", "1e9", "--url", url).stdout
    assert slipway("audit", "--who", "eve", "--since", "1e9", "--url", url).stdout == "nothing in that time\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["token", "create", "a b"],
        ["token", "create", "ada", "--role", "king"],
        ["token", "create", "ada", "--days", "0"],
        ["token", "create", "ada", "--database", "nonsense"],
        ["audit", "--since", "0"],
    ],
    ids=" ".join,
)
def test_mistakes_exit_with_2(slipway: Slipway, arguments: list[str]) -> None:
    assert slipway(*arguments).returncode == 2


def test_a_refusal_says_what_to_do(slipway: Slipway, guarded_url: str, secrets: dict[str, str]) -> None:
    without = slipway("model", "list", "--url", guarded_url)
    assert (without.returncode, without.stderr.count("\n")) == (1, 1)
    assert "SLIPWAY_TOKEN" in without.stderr
    assert "slipway token create" in without.stderr
    wrong = slipway("model", "list", "--url", guarded_url, SLIPWAY_TOKEN="wrong")
    assert "does not know this token" in wrong.stderr
    reader = slipway("token", "list", "--url", guarded_url, SLIPWAY_TOKEN=secrets["reader"])
    assert reader.returncode == 1
    assert reader.stderr == (
        "error: the-reader is a reader, and this takes the role owner: ask an owner of the workspace "
        "(SLIPWAY_TOKEN says who asks)\n"
    )
    assert slipway("token", "list", "--url", guarded_url, SLIPWAY_TOKEN=secrets["owner"]).returncode == 0
    spaced = slipway("model", "list", "--url", guarded_url, SLIPWAY_TOKEN="a b")
    assert (spaced.returncode, spaced.stderr.count("\n")) == (2, 1)
