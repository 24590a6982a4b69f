"""The Python that an expression becomes says what plain JMESPath says."""

import json
from datetime import UTC, datetime
from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasegate.runbooks import runtime
from phasegate.runbooks.compiler.codegen.module_source import ModuleSource
from phasegate.runbooks.compiler.codegen.translate import Translator
from phasegate.runbooks.language.expressions import check_expression, parse, unparse
from phasegate.runbooks.runtime.clients import Clients
from phasegate.runbooks.runtime.errors import CallErrors
from phasegate.runbooks.runtime.prices import PriceTable
from phasegate.runbooks.runtime.scan import Scan
from phasegate.runbooks.runtime.values import truth

SCAN = Scan(
    Clients(),
    account="123456789012",
    region="eu-west-1",
    now=datetime(2026, 11, 18, 20, 10, tzinfo=UTC),
    params={"days": 30, "names": ["a"]},
    prices=PriceTable(),
    errors=CallErrors(),
)
FAILED = object()

values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from([0.0, 1.5, "", "a", "b", "2026-11-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
rows = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
literals = st.sampled_from([None, True, False, 0, 1, 2, 1.5, [], {}, [1]]).map(lambda value: f"`{json.dumps(value)}`")
texts = st.sampled_from(["''", "'a'", "'b'"])
leaves = (
    st.sampled_from(["a", "b", "c", "@", "a.b", "a.b.c", "_region", "_params.days", "_params.names", "null", "_now"])
    | literals
    | texts
)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "||", "&&", "|"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        inner.map(lambda text: f"!({text})"),
        pair.map(lambda parts: f"({parts[0]})[?{parts[1]}]"),
        inner.map(lambda text: f"({text})[]"),
        inner.map(lambda text: f"({text})[*].a"),
        inner.map(lambda text: f"({text})[0]"),
        inner.map(lambda text: f"({text}).*"),
        pair.map(lambda parts: f"[{parts[0]}, {parts[1]}]"),
        inner.map(lambda text: f"{{x: {text}}}"),
        st.tuples(
            st.sampled_from(["contains", "starts_with", "within", "none_in", "minus", "tag", "add", "not_null"]), pair
        ).map(lambda parts: f"{parts[0]}({parts[1][0]}, {parts[1][1]})"),
        st.tuples(st.sampled_from(["length", "as_list", "age_days", "lower", "to_string"]), inner).map(
            lambda parts: f"{parts[0]}({parts[1]})"
        ),
    )


expressions = st.recursive(leaves, grown, max_leaves=6)


def interpreted(text: str, row: dict[str, Any]) -> Any:
    """The value to plain JMESPath with our functions; FAILED where a function was given what it cannot take."""
    subject = {**row, **SCAN.names, "null": None}
    try:
        return jmespath.compile(text).search(subject, jmespath.Options(custom_functions=SCAN.functions))
    except (jmespath.exceptions.JMESPathError, TypeError):
        return FAILED


def compiled(text: str, row: dict[str, Any], *, condition: bool) -> Any:
    """The value of the Python that the translator writes."""
    draft = ModuleSource({"days"})
    code = Translator(draft=draft, subject="row")
    written = code.condition(text) if condition else code.value(text)
    source = draft.text('"""Written."""', end=f"def result(scan, row):\n    return {written}\n")
    names: dict[str, Any] = {name: getattr(runtime, name) for name in runtime.__all__}
    exec("\n".join(line for line in source.splitlines() if not line.startswith("from ")), names)
    try:
        return names["result"](SCAN, row)
    except (jmespath.exceptions.JMESPathError, TypeError):
        return FAILED


def about_the_row(text: str) -> bool:
    """Whether `@` stands for the row as a whole, which has no `_region` in the Python and has one in JMESPath."""
    return "@" in text


@given(text=expressions, row=rows)
@settings(max_examples=600, deadline=None)
def test_a_condition_is_jmespaths_truth(text: str, row: dict[str, Any]) -> None:
    if about_the_row(text):
        return
    told = interpreted(text, row)
    assert compiled(text, row, condition=True) is (FAILED if told is FAILED else truth(told))


@given(text=expressions, row=rows)
@settings(max_examples=600, deadline=None)
def test_a_value_is_jmespaths_value(text: str, row: dict[str, Any]) -> None:
    if about_the_row(text):
        return
    told, given_ = interpreted(text, row), compiled(text, row, condition=False)
    assert given_ is told if told is FAILED else json.dumps(given_) == json.dumps(told)


@given(text=expressions)
@settings(max_examples=600, deadline=None)
def test_writing_a_tree_and_reading_it_gives_the_same_tree(text: str) -> None:
    assert parse(unparse(parse(text))) == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "a[?b=='x'].c | [0]",
        "Reservations[].Instances[?State.Name != 'terminated'][]",
        "sort_by(@, &x.y)[-1].z",
        '{a: b, "c-d": e[0]}',
        "(a[*].b)[0]",
        "a[*].b[0]",
        "a[0:2].b",
        "a[::-1]",
        "a.*.b",
        "!a[?b]",
        "!(a.b)",
        "a[*][b, c]",
        "'it\\'s'",
        '`"back\\`tick"`',
    ],
)
def test_real_expressions_survive_being_written(text: str) -> None:
    assert parse(unparse(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("State == 'available'", "row.get('State') == 'available'"),
        ("!(tag(@, 'keep') == null)", "tag(row, 'keep') is not None"),
        ("Encrypted == `false`", "row.get('Encrypted') is False"),
        ("MinSize == `0`", "equal(row.get('MinSize'), 0)"),
        ("length(Names) > `2`", "length(row.get('Names')) > 2"),
        ("age_days(CreateTime) > _params.days", "above(scan.age_days(row.get('CreateTime')), scan.params['days'])"),
        ("a.b && (c || !d)", "truth(field(row, 'a', 'b')) and (truth(row.get('c')) or not truth(row.get('d')))"),
    ],
)
def test_what_has_a_counterpart_is_written_out(text: str, python: str) -> None:
    code = Translator(draft=ModuleSource({"days"}), subject="row")
    assert code.condition(text) == python


@pytest.mark.parametrize("text", ["nope(a)", "tag(a)", "length(a, b)", "a ==", "age_days()"])
def test_what_cannot_be_called_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"JMESPath|function|arguments?"):
        check_expression(text)
