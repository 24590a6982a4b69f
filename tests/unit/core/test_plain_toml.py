"""TOML of strangers: bounded, and refused in one way."""

import pytest

from phasegate.core import InvalidInput
from phasegate.core.plain_toml import read

REFUSED: dict[str, str | bytes] = {
    "deep lists": "x = " + "[" * 400 + "\n",
    "deeper lists": "x = " + "[" * 100_000,
    "lists over lines": "x = " + "[\n" * 20_000,
    "tables": "x = " + "{a = " * 20_000,
    "a long key": "a." * 20_000 + "a = 1",
    "too large": "#" * 200_000,
    "no UTF-8": b"\xff",
    "many digits": "x = " + "1" * 5_000,
    "a large number": "x.y = [9223372036854775808]",
    "no number": "x = nan",
    "endless": "x = inf",
    "deep headers": "[" + "a." * 490 + "a]\n" + "a." * 490 + "a = 1",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_out_of_bounds_is_invalid_input_with_its_path(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"'a\.toml' is not TOML: ") as caught:
        read(REFUSED[name], "a.toml")
    assert caught.value.fix


def test_plain_values_are_read() -> None:
    assert read(b"[a.b]\nc = [1, 2.5, true, 'x']\n", "a.toml") == {"a": {"b": {"c": [1, 2.5, True, "x"]}}}
