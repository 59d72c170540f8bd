import json
import subprocess
from collections.abc import Callable

import pytest

from registry.client import Client
from registry.core.deploying.documents import DeploymentDocument, EnvironmentDocument
from registry.core.deploying.endpoints import RevisionState
from registry.core.imaging.images import Image

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[..., str]

NOBODY = "http://127.0.0.1:1"  # a mistake found here exits with 2; what is sent there, with 1


@pytest.fixture
def ask(slipway: Slipway, url: str) -> Slipway:
    """Run ``slipway endpoint`` against the registry."""
    return lambda *words: slipway("endpoint", *words, SLIPWAY_URL=url)


@pytest.fixture
def cancer(ask: Slipway, write: Write) -> str:
    """An endpoint's document, applied."""
    path = write(name="cancer", description="[/red] of azureml:cancer:2", tags={"team": "diagnostics"})
    assert ask("create", "-f", path).returncode == 0
    return path


def test_the_keys_of_a_new_endpoint_are_printed_once(ask: Slipway, write: Write) -> None:
    path = write(name="cancer")
    assert "primary    key-1\n  secondary  key-2\n" in ask("create", "-f", path).stdout


def test_an_endpoint_that_is_there_is_not_made_again(ask: Slipway, cancer: str) -> None:
    again = ask("create", "-f", cancer, "--set", "description=other")
    assert (again.returncode, again.stdout, again.stderr.count("\n")) == (1, "", 1)
    assert "`slipway endpoint update -f`" in again.stderr
    assert "`slipway endpoint regenerate-key cancer`" in again.stderr
    assert "other" not in ask("show", "cancer").stdout


def test_the_keys_are_there_for_programs_too(ask: Slipway, write: Write) -> None:
    made = json.loads(ask("create", "-f", write(name="cancer"), "-o", "json").stdout)
    assert (made["endpoint"]["name"], made["keys"]) == ("cancer", {"primary": "key-1", "secondary": "key-2"})


def test_a_set_value_reaches_the_registry(ask: Slipway, write: Write) -> None:
    done = ask("create", "-f", write(name="cancer"), "--set", "name=tumour", "--set", "tags.team=x", "-o", "json")
    made = json.loads(done.stdout)["endpoint"]
    assert (made["name"], made["tags"]) == ("tumour", {"team": "x"})


def test_an_unknown_key_names_its_path_and_what_was_meant(ask: Slipway, write: Write) -> None:
    done = ask("create", "-f", write(name="cancer", traffik={"blue": 100}))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.endswith("/document.yaml: traffik: unknown key 'traffik'; did you mean 'traffic'?\n")


def test_a_nameless_endpoint_is_refused(ask: Slipway, write: Write) -> None:
    path = write(tags={"a": "b"})
    done = ask("create", "-f", path)
    assert (done.returncode, done.stderr) == (2, f"error: {path}: name: an endpoint needs a name\n")


def test_another_kind_of_file_is_told_where_it_belongs(ask: Slipway, write: Write) -> None:
    path = write(name="blue", endpoint_name="cancer", environment={"image": "cancer-onnx:1"})
    done = ask("create", "-f", path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"(this looks like a deployment's file: `slipway deployment create -f {path}`)" in done.stderr


def test_endpoints_are_shown_to_people_and_programs(ask: Slipway, cancer: str) -> None:
    shown = ask("show", "cancer")
    assert "[/red] of azureml:cancer:2" in shown.stdout
    assert "team=diagnostics" in shown.stdout
    assert "cancer" in ask("list").stdout
    assert json.loads(ask("show", "cancer", "-o", "json").stdout)["name"] == "cancer"
    assert [one["name"] for one in json.loads(ask("list", "-o", "json").stdout)] == ["cancer"]


@pytest.mark.parametrize("name", ["", "../x", "a/b", "x" * 33])
def test_a_name_that_no_endpoint_can_have_is_never_sent(slipway: Slipway, name: str) -> None:
    for command in ("show", "delete", "regenerate-key"):
        done = slipway("endpoint", command, name, SLIPWAY_URL=NOBODY)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert f"invalid endpoint name {name!r}" in done.stderr


def test_an_endpoint_that_is_not_there_exits_with_1(ask: Slipway) -> None:
    done = ask("show", "cancer")
    assert (done.returncode, done.stderr) == (1, "error: there is no endpoint 'cancer'\n")


def test_an_update_changes_what_is_there_and_makes_nothing_new(ask: Slipway, write: Write, cancer: str) -> None:
    assert "other" in ask("update", "-f", cancer, "--set", "description=other").stdout
    done = ask("update", "-f", cancer, "--set", "name=tumour")
    assert (done.returncode, done.stderr) == (1, "error: there is no endpoint 'tumour'\n")


@pytest.mark.parametrize("traffic", ["blue", "blue=", "blue=x", "=100", "blue=nan", "blue:50", "blue=50 green=inf"])
def test_a_malformed_split_is_one_line_and_nothing_is_sent(slipway: Slipway, write: Write, traffic: str) -> None:
    done = slipway("endpoint", "update", "-f", write(name="cancer"), "--traffic", traffic, SLIPWAY_URL=NOBODY)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f'error: --traffic {traffic!r}: write "NAME=PERCENT NAME=PERCENT"\n'


def test_a_split_with_a_name_twice_is_refused(slipway: Slipway) -> None:
    typed = ["endpoint", "update", "--name", "cancer", "--traffic", "blue=50 blue=100"]
    done = slipway(*typed, SLIPWAY_URL=NOBODY)
    assert (done.returncode, done.stderr) == (2, "error: --traffic 'blue=50 blue=100': blue is there twice\n")


@pytest.mark.parametrize("traffic", ["", " , "])
def test_a_split_of_nothing_is_refused(slipway: Slipway, traffic: str) -> None:
    done = slipway("endpoint", "update", "--name", "cancer", "--traffic", traffic, SLIPWAY_URL=NOBODY)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "NAME=0 takes all away" in done.stderr


def test_traffic_goes_to_the_living_only_and_taking_it_all_away_is_said(
    ask: Slipway, url: str, image: Image, cancer: str
) -> None:
    with Client(url) as client:
        blue = DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
        client.deployments.create("cancer", "blue", blue)
        refused = ask("update", "--name", "cancer", "--traffic", "blue=100")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "no revision of it is live; revision 1 is starting: wait" in refused.stderr
        client.deployments.report_state("cancer", "blue", 1, RevisionState.LIVE)
    given = ask("update", "--name", "cancer", "--traffic", "blue=100")
    assert (given.returncode, given.stderr) == (0, "")
    taken = ask("update", "--name", "cancer", "--traffic", "blue=0")
    assert (taken.returncode, taken.stderr.count("\n")) == (0, 1)
    assert taken.stderr.startswith("warning: no deployment of cancer gets traffic now")


@pytest.mark.parametrize("traffic", ["blue=50", "blue=101", "blue=-1 green=101", "blue=100"])
def test_a_split_that_the_registry_refuses_is_one_line(ask: Slipway, cancer: str, traffic: str) -> None:
    done = ask("update", "--name", "cancer", "--traffic", traffic)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) in ((1, "", 1), (2, "", 1))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name the endpoint"),
        (["--name", "cancer"], "nothing to change"),
        (["--name", "cancer", "--set", "description=x"], "--set changes what a file says"),
    ],
)
def test_an_update_without_a_change_is_refused(slipway: Slipway, arguments: list[str], said: str) -> None:
    done = slipway("endpoint", "update", *arguments, SLIPWAY_URL=NOBODY)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr


def test_a_key_is_replaced_and_printed_alone(ask: Slipway, cancer: str) -> None:
    made = ask("regenerate-key", "cancer", "--key", "secondary")
    assert (made.stdout, made.stderr) == ("key-3\n", "clients with the old secondary key of cancer now get 401\n")
    assert json.loads(ask("regenerate-key", "cancer", "--key", "primary", "-o", "json").stdout) == {"key": "key-4"}
    unsaid = ask("regenerate-key", "cancer")
    assert (unsaid.returncode, "--key" in unsaid.stderr) == (2, True)
    third = ask("regenerate-key", "cancer", "--key", "third")
    assert (third.returncode, "it has primary, secondary" in third.stderr) == (1, True)


def test_an_endpoint_in_use_is_deleted_only_with_yes(ask: Slipway, cancer: str, url: str, image: Image) -> None:
    document = DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
    with Client(url) as client:
        client.deployments.create("cancer", "blue", document)
    refused = ask("delete", "cancer")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert (
        "blue revision 1 is starting with 0 % of the traffic. `slipway endpoint delete cancer --yes`" in refused.stderr
    )
    assert ask("show", "cancer").returncode == 0
    assert json.loads(ask("delete", "cancer", "--yes", "-o", "json").stdout) == {"deleted": "cancer"}
    assert ask("list", "-o", "json").stdout == "[]\n"


def test_a_deleted_endpoint_is_gone(ask: Slipway, cancer: str) -> None:
    assert ask("delete", "cancer").stdout == "endpoint cancer deleted\n"
    assert ask("show", "cancer").returncode == 1
    assert ask("list", "-o", "json").stdout == "[]\n"


def test_the_history_says_what_was_changed_and_what_answered_at_a_time(
    ask: Slipway, cancer: str, image: Image, url: str
) -> None:
    with Client(url) as client:
        document = DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
        client.deployments.create("cancer", "blue", document)
        client.deployments.report_state("cancer", "blue", 1, RevisionState.LIVE)
        client.endpoints.set_traffic("cancer", {"blue": 100})
        changes = client.endpoints.history("cancer").changes
    lines = ask("history", "cancer").stdout.splitlines()
    assert [line.split()[2:4] for line in lines[1:]] == [["1", "the"], ["2", "blue"], ["3", "traffic"]]
    assert "blue:1" in lines[2]
    then = f"1970-01-01T00:00:01.{changes[1].at_ms - 1000:03}Z"
    held = ask("history", "cancer", "--at", then).stdout
    assert "revision 1  cancer-onnx:1 (aaaaaaaaaaaa)  models cancer:1" in held
    assert "traffic    none" in held
    assert json.loads(ask("history", "cancer", "--at", "1 second ago", "-o", "json").stdout)["release"] == 3
    for words, message in (
        (("cancer", "--at", "1970-01-01"), "there was no endpoint 'cancer' at"),
        (("tumour",), "there never was an endpoint 'tumour'"),
    ):
        done = ask("history", *words)
        assert (done.returncode, message in done.stderr) == (1, True)


def test_an_undo_says_what_it_will_do_and_does_it(ask: Slipway, cancer: str, image: Image, url: str) -> None:
    with Client(url) as client:
        for name in ("blue", "green"):
            document = DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
            client.deployments.create("cancer", name, document)
            client.deployments.report_state("cancer", name, 1, RevisionState.LIVE)
        client.endpoints.set_traffic("cancer", {"blue": 100})
        nothing = ask("undo", "cancer")
        assert (nothing.returncode, "there is nothing to undo at 'cancer'" in nothing.stderr) == (1, True)
        client.endpoints.set_traffic("cancer", {"green": 100})
        shown = ask("undo", "cancer", "--dry-run").stdout
        assert shown.splitlines()[0] == "cancer: from release 5 back to release 4"
        assert shown.splitlines()[2].split() == ["traffic", "green=100", "blue=100"]
        assert client.endpoints.get("cancer").traffic == {"green": 100}
        done = ask("undo", "cancer")
        assert done.stdout == shown + "cancer answers as in release 4\n"
        assert done.stderr == "to take it back: slipway endpoint undo cancer --to 5\n"
        assert client.endpoints.get("cancer").traffic == {"blue": 100}
    answer = json.loads(ask("undo", "cancer", "--to", "5", "-o", "json").stdout)
    assert (answer["plan"]["to"], answer["activity"]["state"]) == (5, "succeeded")


def test_an_endpoint_that_expires_says_when(ask: Slipway, write: Write) -> None:
    made = ask("create", "-f", write(name="cancer"), "--ttl", "2h")
    assert made.stderr == "it is deleted by itself at 1970-01-01 02:00:01Z\n"
    assert "1970-01-01 02:00:01Z" in ask("list").stdout
    assert json.loads(ask("update", "--name", "cancer", "--ttl", "1d", "-o", "json").stdout)["ttl_s"] == 86_400
    assert "expires      never" in ask("update", "--name", "cancer", "--ttl", "never").stdout
    done = ask("update", "--name", "cancer", "--ttl", "soon")
    assert (done.returncode, done.stderr) == (
        2,
        "error: --ttl 'soon' is no length of time: write 90s, 10m, 2h or 30d\n",
    )
