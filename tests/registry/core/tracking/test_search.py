import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.tracking.search import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    MODELS,
    RUNS,
    Comparison,
    Grammar,
    Kind,
    Order,
    decode_page_token,
    encode_page_token,
    parse_filter,
    parse_orders,
)

GRAMMARS = [RUNS, EXPERIMENTS, MODELS, MODEL_VERSIONS, LOGGED_MODELS]
METRIC, PARAM, TAG, ATTRIBUTE, DATASET = Kind


@pytest.mark.parametrize(
    ("text", "kind", "key", "operator", "value"),
    [
        ("metrics.acc > 0.5", METRIC, "acc", ">", 0.5),
        ("metric.acc >= -1", METRIC, "acc", ">=", -1),
        ("metrics.a.b != 1e3", METRIC, "a.b", "!=", 1000.0),
        ("metrics.`train/loss 1` < .5", METRIC, "train/loss 1", "<", 0.5),
        ('metrics."a""b" <= 1.', METRIC, 'a"b', "<=", 1.0),
        ("  metrics.a=99999999999999999999  ", METRIC, "a", "=", 1e20),
        ("params.C = '1'", PARAM, "C", "=", "1"),
        ("param.C = ''", PARAM, "C", "=", ""),
        ('parameters.solver LIKE "l%"', PARAM, "solver", "LIKE", "l%"),
        ("parameter.solver ilike 'L%'", PARAM, "solver", "ILIKE", "L%"),
        ("tags.mlflow.source.name != 'it''s'", TAG, "mlflow.source.name", "!=", "it's"),
        ("tag.`a.b` is null", TAG, "a.b", "IS NULL", None),
        ("tags.a Is Not Null", TAG, "a", "IS NOT NULL", None),
        ("status = 'FINISHED'", ATTRIBUTE, "status", "=", "FINISHED"),
        ("attributes.status = 'FINISHED'", ATTRIBUTE, "status", "=", "FINISHED"),
        ("attr.start_time > 1700000000000", ATTRIBUTE, "start_time", ">", 1700000000000),
        ("run.`Run Name` = 'a'", ATTRIBUTE, "run_name", "=", "a"),
        ("created < 5", ATTRIBUTE, "start_time", "<", 5),
        ("run_id IN ('a', \"b\")", ATTRIBUTE, "run_id", "IN", ("a", "b")),
        ("run_id not in('a')", ATTRIBUTE, "run_id", "NOT IN", ("a",)),
        ("dataset.name = 'iris'", DATASET, "name", "=", "iris"),
        ("datasets.context IN ('train')", DATASET, "context", "IN", ("train",)),
    ],
)
def test_a_comparison_is_read(text: str, kind: Kind, key: str, operator: str, value: object) -> None:
    assert parse_filter(text, RUNS) == [Comparison(kind, key, operator, value)]  # type: ignore[arg-type]


def test_comparisons_are_joined_by_and() -> None:
    read = parse_filter("metrics.a > 1 and params.b = ' AND ' AND name_is = 'x'".replace("name_is", "run_name"), RUNS)
    assert [(one.key, one.value) for one in read] == [("a", 1), ("b", " AND "), ("run_name", "x")]
    assert parse_filter(" \n", RUNS) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("metrics.acc > '0.5'", "compared with a number"),
        ("metrics.acc LIKE 'a'", "use =, !=, <"),
        ("metrics.acc > 1 OR metrics.b > 1", "only AND"),
        ("(metrics.acc > 1)", "where a key should"),
        ("metrics.acc > 1 AND", "it ends where a key"),
        ("metrics.acc >", "it ends where a number"),
        ("metrics.acc", "it ends where an operator"),
        ("metrics.train-loss > 1", "metrics.`my key`"),
        ("metrics.train/loss > 1", "metrics.`my key`"),
        ("metrics.acc > 1 metrics.b > 1", "only AND"),
        ("params.C = 1", "a text in quotes"),
        ("params.C = word", "a text in quotes"),
        ("params.C = `word`", "a text in quotes"),
        ("params.C = 'open", "cannot read"),
        ("params.C > '1'", "cannot compare"),
        ("params.C IN ('1')", "cannot compare"),
        ("status IS NULL", "cannot compare"),
        ("status IS", "where NULL should"),
        ("run_id IN ()", "text in quotes"),
        ("run_id IN ('a',)", "text in quotes"),
        ("run_id IN ('a' 'b')", "commas"),
        ("run_id IN 'a'", "where ( should"),
        ("run_id NOT LIKE 'a'", "cannot compare"),
        ("start_time = 'yesterday'", "compared with a number"),
        ("colour = 'red'", "start_time"),
        ("attributes.colour = 'red'", "start_time"),
        ("traces.a = 'b'", "no 'traces'"),
        ("dataset.schema = 'x'", "context, digest, name"),
        ("metrics.a == 1", "number"),
        ("metrics.a <> 1", "number"),
        ("metrics.a > nan", "number"),
        ("; DROP TABLE runs", "cannot read"),
        ("params.a = 'nul\0'", "no database can keep"),
        (" AND ".join(["metrics.a > 1"] * 101), "more than 100"),
        (" AND ".join(["run_id IN ('a'" + ", 'a'" * 5999 + ")"] * 2), "more than 10000 texts"),
        (f"params.a = '{'x' * 10_001}'", "10000 characters"),
        (f"metrics.a > {'9' * 500}", "number"),
    ],
)
def test_a_fault_is_named_with_what_is_allowed(text: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_filter(text, RUNS)
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        (EXPERIMENTS, "name ILIKE '%a' AND creation_time > 1 AND tags.a = 'b' AND experiment_id IN ('1')"),
        (MODELS, "name LIKE 'a%' AND tags.`a b` != 'c'"),
        (MODEL_VERSIONS, "name = 'a' AND version_number >= 2 AND run_id IN ('a') AND source_path LIKE 'x%'"),
        (LOGGED_MODELS, "model_type = 'x' AND metrics.a > 1 AND params.b = '1' AND creation_time > 2"),
    ],
)
def test_each_noun_has_its_own_words(grammar: Grammar, text: str) -> None:
    assert len(parse_filter(text, grammar)) == text.count("AND") + 1


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        (EXPERIMENTS, "metrics.a > 1"),
        (EXPERIMENTS, "status = 'a'"),
        (MODELS, "params.a = 'b'"),
        (MODEL_VERSIONS, "dataset.name = 'a'"),
        (LOGGED_MODELS, "version_number > 1"),
    ],
)
def test_a_noun_refuses_anothers_words(grammar: Grammar, text: str) -> None:
    with pytest.raises(InvalidInput, match=f"{grammar.noun} have"):
        parse_filter(text, grammar)


def test_orders_are_read() -> None:
    read = parse_orders(["metrics.`a b` DESC", "start_time", "tags.a asc", "parameters.c ASC"], RUNS)
    assert read == [
        Order(METRIC, "a b", False),
        Order(ATTRIBUTE, "start_time", True),
        Order(TAG, "a", True),
        Order(PARAM, "c", True),
    ]


@pytest.mark.parametrize("clause", ["", "colour", "start_time DOWN", "start_time DESC, run_id", "dataset.name", "'a'"])
def test_a_wrong_order_is_refused(clause: str) -> None:
    with pytest.raises(InvalidInput, match="Invalid order_by"):
        parse_orders([clause], RUNS)
    with pytest.raises(InvalidInput, match="at most 20"):
        parse_orders(["start_time"] * 21, RUNS)


WORDS = ["metrics.a", "tags.`b", "params.", "run_id", "IN", "NOT", "(", ")", ",", "'x'", '"y"', "1", "1e9", ">", "LIKE"]


@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS)).map(" ".join)), st.sampled_from(GRAMMARS))
@example("²", RUNS)
@example("metrics.a > ١", RUNS)
@example("\ud800", RUNS)
def test_no_text_raises_anything_else(text: str, grammar: Grammar) -> None:
    for read in (lambda: parse_filter(text, grammar), lambda: parse_orders([text], grammar)):
        try:
            read()
        except InvalidInput:
            continue


def _quoted(value: str, quote: str) -> str:
    return f"{quote}{value.replace(quote, quote * 2)}{quote}"


STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)


@given(STORABLE.filter(lambda key: "`" not in key), STORABLE, st.sampled_from("'\""))
def test_any_key_and_text_survive_quoting(key: str, value: str, quote: str) -> None:
    (read,) = parse_filter(f"tags.`{key}` = {_quoted(value, quote)}", RUNS)
    assert (read.key, read.value) == (key, value)


@given(st.integers(0, 2**53 - 1))
def test_a_page_token_leads_back_to_its_offset(offset: int) -> None:
    assert decode_page_token(encode_page_token(offset)) == offset


@given(st.text())
@example("eyJvZmZzZXQiOi0xfQ==")
@example("ü")
def test_no_page_token_raises_anything_else(token: str) -> None:
    try:
        assert decode_page_token(token) >= 0
    except InvalidInput:
        return
