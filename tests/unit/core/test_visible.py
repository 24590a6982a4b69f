"""Nothing hides in a text that people are shown."""

import pytest

from phasegate.core import one_line, visible


@pytest.mark.parametrize(
    "char",
    [
        "\u202e",  # turns text round
        "\u200b",  # no width
        "\U000e0041",  # a tag letter
        "\x1b",  # begins a terminal's command
        "\u2028",  # ends a line for some
        "\u3164",  # a letter that is blank
        "\ufe0f",  # chooses a variant
        "\ue000",  # private
    ],
)
def test_what_is_drawn_as_nothing_is_written_out(char: str) -> None:
    for shown in (visible(f"a{char}b"), one_line(f"a{char}b")):
        assert shown == f"a<U+{ord(char):04X}>b"


def test_text_stays_as_it_is() -> None:
    for text in ("plain", "żółć", "日本", "🙂", "a < b"):
        assert visible(text) == text == one_line(text)


def test_white_space_is_kept_apart_or_joined() -> None:
    assert visible("a\nb\u00a0c") == "a<U+000A>b<U+00A0>c"
    assert one_line(" a\n\tb\u00a0c ") == "a b c"
