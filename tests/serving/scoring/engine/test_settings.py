import argparse

import pytest

from serving.scoring.engine.settings import EngineSettings, add_engine_arguments, engine_settings


def parse(*words: str, **variables: str) -> EngineSettings:
    parser = argparse.ArgumentParser()
    add_engine_arguments(parser, {f"SLIPWAY_{name}": value for name, value in variables.items()})
    return engine_settings(parser.parse_args(words))


def test_nothing_said_is_automatic_and_remembers_nothing() -> None:
    assert parse() == parse(BATCHING="", CACHE_TTL_S="") == EngineSettings()
    assert (EngineSettings().max_queue_wait_ms, EngineSettings().batching) == (500, "auto")
    assert EngineSettings().cache_max_bytes == 0


def test_each_setting_is_an_argument_and_a_variable_and_the_argument_wins() -> None:
    words = (
        *("--max-queue-wait-ms", "0", "--batching", "off", "--batch-max-rows", "8", "--batch-max-bytes", "9"),
        *("--cache-max-bytes", "10", "--cache-ttl-s", "11"),
    )
    every = EngineSettings(
        max_queue_wait_ms=0, batching="off", batch_max_rows=8, batch_max_bytes=9, cache_max_bytes=10, cache_ttl_s=11
    )
    assert parse(*words) == every
    variables = {word[2:].replace("-", "_").upper(): value for word, value in zip(words[::2], words[1::2], strict=True)}
    assert parse(**variables) == every
    assert parse("--batching", "on", BATCHING="off").batching == "on"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BATCHING", "yes", "'yes' is none of auto, on, off"),
        ("MAX_QUEUE_WAIT_MS", "-1", "'-1' is no whole number from 0 on"),
        ("BATCH_MAX_ROWS", "0", "'0' is no whole number from 1 on"),
        ("CACHE_TTL_S", "1.5", "'1.5' is no whole number from 1 on"),
    ],
)
def test_a_wrong_value_is_told_with_its_argument(
    name: str, value: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(**{name: value})
    assert f"argument --{name.replace('_', '-').lower()}: {says}" in capsys.readouterr().err
