from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phasegate.core import canonical, digest

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["\U0001f600", "\ufb33"]), inner),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),  # keys are sorted
        ({"\U0001f600": 1, "\ufb33": 2}, '{"\U0001f600":1,"\ufb33":2}'),  # by UTF-16 units, as RFC 8785 says
        ([1.0, 0.5, 1e21], "[1,0.5,1e+21]"),  # numbers as ECMAScript writes them
        ({"a": "ä\n"}, '{"a":"ä\\n"}'),  # no more escapes than needed
    ],
)
def test_equal_values_have_equal_bytes(value: object, text: str) -> None:
    assert canonical(value) == text.encode()


@settings(deadline=None, suppress_health_check=list(HealthCheck))  # on a busy machine
@given(_VALUES)
def test_the_bytes_are_those_of_the_library(value: object) -> None:
    assert _bytes_or_error(canonical, value) == _bytes_or_error(rfc8785.dumps, value)


def _bytes_or_error(make: Callable[[Any], bytes], value: object) -> bytes | str:
    try:
        return make(value)
    except rfc8785.CanonicalizationError as error:
        return str(error)


def test_a_digest_is_of_bytes_as_they_are_and_of_values_as_canonical_json() -> None:
    assert digest(b"{}") == digest({})
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})
