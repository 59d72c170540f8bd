import pytest

from registry.cli.output import OutputFormat, print_json, print_record, print_rows, short, when

HOSTILE = "[/red] azureml:cancer:2 [bold]"


@pytest.mark.parametrize("output", list(OutputFormat))
def test_users_text_is_printed_as_it_is(capsys: pytest.CaptureFixture[str], output: OutputFormat) -> None:
    print_record({"d": HOSTILE}, {"d": HOSTILE}, output)
    print_rows([{"d": HOSTILE}], {"d": lambda row: row["d"]}, output, empty="none")
    assert capsys.readouterr().out.count(HOSTILE) == 2


def test_nothing_is_a_sentence_for_people_and_an_empty_list_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([], {}, OutputFormat.TABLE, empty="no models yet")
    print_rows([], {}, OutputFormat.JSON, empty="no models yet")
    assert capsys.readouterr().out == "no models yet\n[]\n"


def test_json_keeps_letters(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "Ünïcödé"})
    assert capsys.readouterr().out == '{\n  "name": "Ünïcödé"\n}\n'


def test_times_and_digests_are_written_short() -> None:
    assert (when(1_795_466_997_878), when(None)) == ("2026-11-23 20:49:57Z", "-")
    assert short(f"sha256:{'0123456789abcdef' * 4}") == "0123456789ab"
