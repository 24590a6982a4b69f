import pytest

from phasegate.core import canonical, digest


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


def test_a_digest_is_of_bytes_as_they_are_and_of_values_as_canonical_json() -> None:
    assert digest(b"{}") == digest({})
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})
