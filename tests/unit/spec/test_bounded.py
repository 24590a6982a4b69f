"""Text that is made to take long: its parsing is linear, or it is refused before it is parsed."""

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from phasegate.core import InvalidInput
from phasegate.spec import lint_spec, read_spec

FOLDER = "specs/001-a"
MADE = {
    "brackets": "[",
    "images": "![",
    "links": "[a](",
    "quotes": "> ",
    "lists": "- ",
    "emphasis": "*a **",
    "headings": "# a\n",
    "cells": "|a",
    "comments": "<!--",
    "reasons": "so that ",
}


def _files(text: str) -> dict[str, bytes]:
    return {f"{FOLDER}/spec.md": text.encode()}


def _steps(work: Callable[[], Any]) -> int:
    """How many calls the work makes."""
    count = 0

    def called(_frame: FrameType, event: str, _what: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("opening", ["[", "{", "{a: ", "- ", '"x" ', "&a ", "? "])
def test_front_matter_that_nests_is_one_finding_with_its_line(opening: str) -> None:
    text = f"---\nx: {opening * 20_000}\n---\n# A title\n"
    steps = _steps(lambda: lint_spec(_files(text), FOLDER))
    unreadable = [finding for finding in lint_spec(_files(text), FOLDER) if finding.rule == "unreadable"]
    assert [(finding.path, finding.line) for finding in unreadable] == [(f"{FOLDER}/spec.md", 2)]
    assert steps < 1_000_000
    assert read_spec(_files(text), FOLDER).title == "A title"


@pytest.mark.parametrize("name", MADE)
def test_twice_the_text_takes_about_twice_the_steps(name: str) -> None:
    small, large = (f"# x\n\n{MADE[name] * count}\n" for count in (400, 800))
    once, twice = (_steps(partial(lint_spec, _files(text), FOLDER)) for text in (small, large))
    assert twice < 2.6 * once


@pytest.mark.parametrize("stars", ["*", ":*"])
def test_a_question_of_stars_ends(stars: str) -> None:
    text = f"# x\n\n## Clarifications\n\n- Q{stars * 20_000}\n"
    assert read_spec(_files(text), FOLDER).clarifications == ()


def test_a_spec_of_more_than_a_few_pages_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InvalidInput, match="131,072"):
        read_spec(_files("[" * 200_000), FOLDER)


def test_a_story_whose_number_has_thousands_of_digits_is_no_story() -> None:
    assert read_spec(_files(f"# x\n\n### User Story {'1' * 9000}\n"), FOLDER).stories == ()
