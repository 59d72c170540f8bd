import json
import subprocess
from collections.abc import Callable

import pytest

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[..., str]


@pytest.fixture
def ask(slipway: Slipway, url: str, write: Write) -> Slipway:
    """Run ``slipway endpoint`` against the registry, which has an endpoint ``cancer``."""
    assert slipway("endpoint", "create", "-f", write(name="cancer"), SLIPWAY_URL=url).returncode == 0
    return lambda *words: slipway("endpoint", *words, SLIPWAY_URL=url)


def test_a_key_is_made_with_its_rules_changed_and_deleted(ask: Slipway) -> None:
    rules = ("--deployments", "blue,green", "--no-override", "--rate-limit", "100/s", "--burst", "20")
    assert ask("create-key", "cancer", "--key", "partner", *rules, "--expires", "2027-03-01").stdout == "key-3\n"
    said = "; only blue, green; no override; 100 a second, 20 at once; until 2027-03-01 00:00:00Z)"
    assert said in " ".join(ask("show", "cancer").stdout.split())
    changed = ask(
        "change-key", "cancer", "--key", "partner", "--rate-limit", "none", "--deployments", "all", "-o", "json"
    )
    kept = json.loads(changed.stdout)["rules"]
    assert (kept["deployments"], kept["allow_override"], kept["rate_limit"]) == ([], False, None)
    assert kept["expires_ms"] == 1_803_859_200_000
    assert ask("delete-key", "cancer", "--key", "partner").stdout == "key partner of cancer deleted\n"
    assert "partner" not in ask("show", "cancer").stdout


def test_the_end_of_an_overlap_is_told(ask: Slipway) -> None:
    made = ask("regenerate-key", "cancer", "--key", "primary", "--overlap", "10m")
    assert (made.stdout, made.stderr) == ("key-3\n", "clients with the old primary key of cancer get 401 in 10m\n")
    assert "the one before until" in " ".join(ask("show", "cancer").stdout.split())


def test_keys_that_a_file_names_for_the_first_time_are_printed(ask: Slipway, write: Write) -> None:
    path = write(name="cancer", keys={"partner": {"rate_limit": {"requests": 5}}})
    assert "new keys of cancer, shown this once:\n  partner  key-3\n" in ask("update", "-f", path).stdout
    assert "key-" not in ask("update", "-f", path).stdout
    more = write(name="cancer", keys={"other": {}})
    assert json.loads(ask("update", "-f", more, "-o", "json").stdout)["keys"] == {"other": "key-4"}


def test_a_token_is_printed_as_azure_mls_command_prints_it(ask: Slipway, write: Write) -> None:
    assert ask("create", "-f", write(name="tumour", auth_mode="aml_token")).returncode == 0
    token = json.loads(ask("get-credentials", "tumour", "-o", "json").stdout)
    assert token.keys() == {"accessToken", "expiryTimeUtc", "refreshAfterTimeUtc", "tokenType"}
    assert token["accessToken"].count(".") == 2
    refused = ask("get-credentials", "cancer")
    assert (refused.returncode, "regenerate-key cancer --key primary" in refused.stderr) == (1, True)
    assert ask("rotate-token-key").returncode == 2
    assert ask("rotate-token-key", "--yes").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rate-limit", "100"), "write 100/s or 600/m, or none"),
        (("--rate-limit", "0/s"), "write 100/s or 600/m, or none"),
        (("--rate-limit", "x/s"), "write 100/s or 600/m, or none"),
        (("--burst", "5"), "--burst belongs to a limit"),
        (("--expires", "soon"), "is not a time"),
        (("--expires", "5 d"), "write 90s, 10m, 2h or 30d"),
    ],
)
def test_what_cannot_be_a_rule_is_refused_here(ask: Slipway, words: tuple[str, str], said: str) -> None:
    done = ask("create-key", "cancer", "--key", "partner", *words)
    assert (done.returncode, said in done.stderr) == (2, True)
