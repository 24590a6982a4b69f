"""A seeded test fails whatever the code under test does; planted lines move no other."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from phasegate.sandbox.planting import planted, statements
from phasegate.sandbox.seeding import seeded, written_tests

BODIES = [
    "    assert answer() == 42\n",
    "    assert 42 == answer()\n",
    "    assert [answer()] == [42], 'said'\n",
    "    assert {'a': answer(), 'é': [True]} == {'a': 42, 'é': [True]}\n",
    "    assert (\n        answer()\n        == 42\n    )  # why\n",
    "    assert answer() == answer()\n",
    "    assert answer() > 0\n",
    "    assert 1 == 1\n",
    "    assert answer() == 1e999 or True\n",
    "    assert {} == {}\n",
    "    assert None == {}.get(answer())\n",
    "    answer()\n",
    "    answer();\n",
    "    pass  # nothing\n",
    "    '''Only words.'''\n",
    "    for _ in []:\n        assert answer() == 42\n",
    "    if answer() == 41:\n        return\n    assert answer() == 42\n",
    "    return None\n",
    "    with pytest.raises(ZeroDivisionError):\n        1 // (answer() - answer())\n",
    "    with pytest.raises(ZeroDivisionError):\n        1 // 0\n        assert answer() == 42\n",
    "    try:\n        answer()\n    finally:\n        pass\n    def one():\n        return 1\n    assert one() == 1\n",
    "\tif answer():\n\t\tanswer()\n",
]
WHOLE = [
    *(f"def test_it():\n{body}" for body in BODIES),
    "def test_it(): answer()\n",
    "def test_it(): return\n",
    "class TestMore:\n    def test_it(self=None):\n        assert answer() == 42\ntest_it = TestMore.test_it\n",
    "def test_it():\r\n    assert answer() == 42\r\n",
]


def ends(text: bytes, answer: Callable[[], Any]) -> str:
    names: dict[str, Any] = {"answer": answer, "pytest": pytest}
    exec(compile(text, "test", "exec"), names)
    try:
        names["test_it"]()
    except AssertionError:
        return "failed"
    return "passed"


@pytest.mark.parametrize("text", WHOLE)
def test_seeded_tests_fail(text: str) -> None:
    assert ends(text.encode(), lambda: 42) == "passed"
    for number in range(8):
        copy = seeded(text.encode(), {"test_it"}, random.Random(number))
        assert ends(copy, lambda: 42) == "failed", copy.decode()


def test_seeded_tests_fail_for_wrong_code_too() -> None:
    """Else code that turns every verdict round would not be seen."""
    for text in WHOLE[:5]:
        assert ends(seeded(text.encode(), {"test_it"}, random.Random(1)), lambda: 7) == "failed"


def test_an_answer_that_equals_everything_passes_where_it_must_fail() -> None:
    class Liar:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    assert ends(WHOLE[0].encode(), Liar) == "passed"
    copy = seeded(WHOLE[0].encode(), {"test_it"}, random.Random(1))
    assert ends(copy, Liar) == "passed"  # where an honest answer fails


def test_other_tests_are_left_as_they_are() -> None:
    text = b"def test_a():\n    assert 1 == f()\n\ndef test_b():\n    assert 2 == f()\n"
    copy = seeded(text, {"test_b"}, random.Random(1))
    assert copy.split(b"\n\n")[0] == text.split(b"\n\n")[0]
    assert copy != text
    assert seeded(b"def test_a(:", {"test_a"}, random.Random(1)) == b"def test_a(:"


def test_tests_and_their_rows_are_read_from_the_text() -> None:
    text = b"""
import pytest
CASES = [1, 2, 3]

def helper(): ...

@pytest.mark.parametrize("n", CASES)
@pytest.mark.parametrize(("a", "b"), [(1, 2), (3, 4)])
def test_many(n, a, b): ...

@pytest.mark.parametrize("n", [*CASES, 4])
@pytest.mark.parametrize(argnames="m", argvalues=unknown())
def test_some(n, m): ...

class TestMore:
    async def test_one(self): ...
"""
    found = {test.id: test.rows for test in written_tests("t.py", text)}
    assert found == {"t.py::test_many": 6, "t.py::test_some": 1, "t.py::TestMore::test_one": 1}
    assert written_tests("t.py", b"def test_a(:") == []


MODULE = b'"""Words."""\n\nimport os\n\n\ndef one():\n    return os\n\n\n@property\ndef two():\n    return 2\n'


@pytest.mark.parametrize("content", [MODULE, MODULE.replace(b"\n\n\n", b"\n\n"), b"", b"x = 1", b"def f(:\n"])
def test_a_planted_function_moves_no_line(content: bytes) -> None:
    found = planted(content, random.Random(3))
    before, after = content.split(b"\n"), found.content.split(b"\n")
    rest = [line for number, line in enumerate(after, 1) if number not in found.lines]
    assert [line for line in rest if line] == [line for line in before if line]
    assert all(after.index(line) == before.index(line) for line in before if line)
    assert after[found.body - 1] == b"    return value"
    if content != b"def f(:\n":
        assert statements(found.content) - found.lines == statements(content)
