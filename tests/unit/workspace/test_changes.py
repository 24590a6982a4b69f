import pytest

from phasegate.workspace import changes, visible


def _lines(old: str | None, new: str | None) -> list[str]:
    (change,) = changes({} if old is None else {"a.md": old.encode()}, {} if new is None else {"a.md": new.encode()})
    return list(change.lines[2:])


def test_each_file_that_differs_is_there_with_how_much() -> None:
    old = {"same": b"1\n", "gone": b"1\n2\n", "edited": b"1\n2\n3\n"}
    new = {"same": b"1\n", "edited": b"1\nzwei\n3\n4\n", "fresh": b"1\n"}
    found = [(change.path, change.kind, change.added, change.removed) for change in changes(old, new)]
    assert found == [("edited", "changed", 2, 1), ("fresh", "added", 1, 0), ("gone", "removed", 0, 2)]


@pytest.mark.parametrize(
    ("char", "shown"),
    [
        ("\u202e", "<U+202E>"),  # right to left from here
        ("\u2066", "<U+2066>"),  # an isolate
        ("\u200b", "<U+200B>"),  # a space of no width
        ("\ufeff", "<U+FEFF>"),  # a byte order mark
        ("\u00ad", "<U+00AD>"),  # a soft hyphen
        ("\u00a0", "<U+00A0>"),  # a space that is none
        ("\u3000", "<U+3000>"),  # a wide one
        ("\u3164", "<U+3164>"),  # a letter that is drawn as nothing
        ("\u2800", "<U+2800>"),  # a pattern of no dots
        ("\ufe0f", "<U+FE0F>"),  # a selector of variants, which can carry bytes
        ("\U000e0041", "<U+E0041>"),  # a tag
        ("\x1b", "<U+001B>"),  # what terminals take for a command
        ("\x00", "<U+0000>"),  # nothing
        ("\x7f", "<U+007F>"),  # rub out
        ("\u2028", "<U+2028>"),  # a line's end, to some
        ("\x0b", "<U+000B>"),  # and to others
        ("\x85", "<U+0085>"),  # and to others
        ("\ue000", "<U+E000>"),  # private use
    ],
)
def test_what_cannot_be_seen_is_written_out_and_counted(char: str, shown: str) -> None:
    (change,) = changes({"a.md": b"approve\n"}, {"a.md": f"app{char}rove\n".encode()})
    assert change.lines[-1] == f"+app{shown}rove"
    assert change.hidden == 1
    assert visible(char) == shown


def test_what_can_be_seen_stays() -> None:
    text = "naïve Ελλάδα 漢字 😀 a b"
    assert visible(text) == text
    assert _lines("", f"\t{text}\n") == ["@@ -0,0 +1 @@", f"+\t{text}"]


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("a\n", "a\r\n", ["-a", "+a<U+000D>"]),  # another end of the line
        ("a\n", "a", ["-a", "+a", "\\ no newline at the end"]),  # a last line that does not end
        ("a\nb\n", "a\u2028b\n", ["-a", "-b", "+a<U+2028>b"]),  # an end that is none
        ("a\n", "a \n", ["-a", "+a "]),  # a space
        ("a\n", "a\n\n", [" a", "+"]),  # an empty line
    ],
)
def test_no_difference_is_lost(old: str, new: str, shown: list[str]) -> None:
    assert _lines(old, new)[1:] == shown


def test_a_file_that_is_empty_is_still_added() -> None:
    (change,) = changes({}, {"a.md": b""})
    assert (change.kind, change.lines) == ("added", ())


def test_bytes_that_are_no_text_are_shown_as_bytes() -> None:
    (change,) = changes({}, {"a.bin": b"\xff\xfe\n"})
    assert change.lines[-1] == "+\\xff\\xfe"


def test_a_path_cannot_forge_a_line() -> None:
    (change,) = changes({}, {"x\n+++ b/harmless\u202e": b"x\n"})
    assert "\n" not in change.path
    assert all("\n" not in line for line in change.lines)
    assert "<U+000A>" in change.lines[0]
    assert change.hidden == 2


def test_a_line_that_looks_like_a_heading_counts() -> None:
    (change,) = changes({"a.md": b"-- x\n"}, {"a.md": b"++ b/harmless\n++ x\n"})
    assert (change.added, change.removed) == (2, 1)
