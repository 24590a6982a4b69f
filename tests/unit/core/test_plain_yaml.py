"""YAML is values alone, and each knows its line."""

import pytest

from phasegate.core import InvalidInput
from phasegate.core.plain_yaml import read


def test_lines_count_from_where_the_text_begins_in_its_file() -> None:
    text = "name: ada\nlist:\n  - one\n"
    for first in (1, 2):
        source = read(text, "card.md", check="c", first_line=first)
        assert source.line("list", 0) == first + 2
        assert source.line("list", 7) == first + 1  # what is not there is looked for where it would be
    assert source.value == {"name": "ada", "list": ["one"]}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\na: 2\n", 3, "stands twice"),
        ("a: &b 1\n", 2, "anchors and aliases"),
        ("a: !!python/none x\n", 2, "the tag"),
        ("a: 1\non: 2\n", 3, "does not read the key on as text"),
        ("a: [1\n", 3, "no YAML"),
    ],
)
def test_what_is_more_than_values_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        read(text, "card.md", check="card-lint", first_line=2)
    (finding,) = caught.value.findings
    assert (finding.line, finding.check, finding.blocking) == (line, "card-lint", True)
    assert finding.fix


@pytest.mark.parametrize(
    "number", ["1" * 5000, "1" + ":59" * 20_000, "9223372036854775808", "0x" + "f" * 17, ".inf", "-.inf", ".nan"]
)
def test_a_number_out_of_range_is_refused_with_its_line(number: str) -> None:
    with pytest.raises(InvalidInput, match=r"a\.yaml:2: the number .* is out of range"):
        read(f"x: 1\ny: [{number}]\n", "a.yaml", check="c")


def test_more_values_than_a_person_writes_are_refused() -> None:
    with pytest.raises(InvalidInput, match="too many values"):
        read("[" + "1," * 30_000 + "]", "a.yaml", check="c")
