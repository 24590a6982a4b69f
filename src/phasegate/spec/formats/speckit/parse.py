"""Parser from Markdown in Spec Kit's layout to a `Spec`.

Plain prose is read as far as it goes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from phasegate.core import Criterion
from phasegate.spec.blocks import Block, blocks
from phasegate.spec.model import Clarification, Note, Requirement, Scenario, Spec, Story
from phasegate.spec.risk import read_risk
from phasegate.spec.source import spec_path

FILE = "spec.md"
"""File of a spec in this layout."""
# The number is bounded, since Python refuses to read one of thousands of digits.
STORY = re.compile(r"user story (\d{1,9})(?!\d)\s*[-–—:]?\s*(.*?)\s*(?:\(priority:\s*(P\d+)\))?", re.IGNORECASE)
_REQUIREMENT = re.compile(r"\**\s*((?:FR|SC)-\d+)\s*\**\s*:?\s*\**\s*(.*)")
_LABEL = re.compile(r"\**\s*(AC-\d+)\s*\**\s*:?\s*\**\s*")
_COVERS = re.compile(r"\s*\(((?:FR|SC)-\d+(?:\s*,\s*(?:FR|SC)-\d+)*)\)\s*\.?$")
_GIVEN = re.compile(r"\**given\**[\s:,]+", re.IGNORECASE)
# Possessive, so that a line of asterisks takes no longer than any other.
_QUESTION = re.compile(r"\**Q[*:]*+\s*(.+?)\s*(?:→|->)\s*\**A[*:]*+\s*(.+)")
_OPEN = re.compile(r"\[NEEDS CLARIFICATION:?\s*([^\]]*)\]?")
_SENTENCE = re.compile(r"[^.!?]+[.!?]?")
_BECAUSE = re.compile(r"\b(?:because|so that|in order to|otherwise)\b", re.IGNORECASE)
_INPUT = re.compile(r"\*\*Input\*\*:\s*(?:User description:\s*)?\"?(.+?)\"?$")
_LEAD = re.compile(r"\*\*([^*]+)\*\*:?\s*")


def parse_spec(text: str, folder: str) -> Spec:
    """Parse the text of a spec without refusing anything in it."""
    all_blocks = blocks(text)
    opening = [block for block in all_blocks if len(block.section) <= 1 and block.kind == "paragraph"]
    stories = _stories(all_blocks)
    return Spec(
        folder=folder,
        path=spec_path(folder, FILE),
        title=_title(all_blocks, folder),
        what=_what(opening, all_blocks),
        why=_why(opening, all_blocks, stories),
        stories=stories,
        edge_cases=_notes(all_blocks, "edge cases"),
        requirements=tuple(_requirements(all_blocks, "FR")),
        entities=_notes(all_blocks, "key entities"),
        success_criteria=tuple(_requirements(all_blocks, "SC")),
        clarifications=tuple(_clarifications(all_blocks)),
        open_questions=tuple(_open_questions(all_blocks)),
        risk=read_risk(text, all_blocks),
    )


def _title(all_blocks: Sequence[Block], folder: str) -> str:
    # Prose without a heading is a spec as well: its first sentence serves.
    headings = [block.text for block in all_blocks if block.kind == "heading" and block.level == 1]
    first = headings[0] if headings else all_blocks[0].text.split(". ")[0] if all_blocks else folder.rsplit("/", 1)[-1]
    return re.sub(r"^feature specification:\s*", "", first, flags=re.IGNORECASE)


def _what(opening: Sequence[Block], all_blocks: Sequence[Block]) -> str:
    stated = [block.text for block in all_blocks if block.section[-1:] == ("what",) and block.kind == "paragraph"]
    return (_given(opening) or stated or _plain(opening) or [""])[0]


def _given(opening: Sequence[Block]) -> list[str]:
    """The words of whoever asked, as Spec Kit quotes them."""
    return [match[1] for block in opening for match in [_INPUT.search(block.text)] if match]


def _plain(opening: Sequence[Block]) -> list[str]:
    return [block.text for block in opening if not block.text.startswith("**")]


def _why(opening: Sequence[Block], all_blocks: Sequence[Block], stories: Sequence[Story]) -> str:
    stated = [block.text for block in all_blocks if block.section[-1:] == ("why",) and block.kind != "heading"]
    told = [*_given(opening), *_plain(opening)]
    reasons = [reason for text in told if (reason := _reason(text))]
    return (stated or reasons or [story.why for story in stories if story.why] or [""])[0]


def _reason(text: str) -> str:
    """The first sentence that gives one."""
    sentences = (match[0] for match in _SENTENCE.finditer(text))
    return next((sentence.strip() for sentence in sentences if _BECAUSE.search(sentence)), "")


def _stories(all_blocks: Sequence[Block]) -> tuple[Story, ...]:
    # One supply for all stories, so that numbers run on through the spec.
    free = _free_labels(all_blocks)
    stories = []
    for heading, inner in _subsections(all_blocks):
        if match := STORY.fullmatch(heading.text):
            stories.append(_story(heading, match, inner, free))
    return tuple(stories)


def _story(heading: Block, match: re.Match[str], inner: Sequence[Block], free: Iterator[str]) -> Story:
    leads = dict(_leads(inner))
    prose = [block.text for block in inner if block.kind == "paragraph" and not _LEAD.match(block.text)]
    return Story(
        id=f"US{int(match[1])}",
        title=match[2],
        priority=(match[3] or "").upper(),
        narrative=" ".join(prose),
        why=leads.get("why this priority", ""),
        test=leads.get("independent test", ""),
        scenarios=tuple(_scenario(block, free) for block in inner if block.kind == "item"),
        line=heading.line,
    )


def _scenario(block: Block, free: Iterator[str]) -> Scenario:
    label = _LABEL.match(block.text)
    body = block.text[label.end() :] if label else block.text
    covers = _COVERS.search(body)
    steps = _steps(body[: covers.start()] if covers else body)
    return Scenario(
        text=block.text,
        line=block.line,
        criterion=Criterion(id=label[1] if label else next(free), **steps) if steps else None,
        labelled=label is not None,
        covers=tuple(re.findall(r"(?:FR|SC)-\d+", covers[1])) if covers else (),
    )


def _steps(text: str) -> dict[str, str] | None:
    """Return given, when and then, or None where one is missing.

    Each word is looked for once, so time is linear.
    """
    given = _GIVEN.match(text)
    when = given and _word("when", text, given.end())
    then = when and _word("then", text, when.end())
    if not (given and when and then):
        return None
    parts = (text[given.end() : when.start()], text[when.end() : then.start()], text[then.end() :])
    cleaned = [part.strip(" ,;.:") for part in parts]
    return dict(zip(("given", "when", "then"), cleaned, strict=True)) if all(cleaned) else None


def _word(word: str, text: str, start: int) -> re.Match[str] | None:
    """The step's word in bold, or else the first plain one."""
    bold = re.compile(rf"\*\*{word}\*\*", re.IGNORECASE).search(text, start)
    return bold or re.compile(rf"\b{word}\b", re.IGNORECASE).search(text, start)


def _free_labels(all_blocks: Sequence[Block]) -> Iterator[str]:
    """Return ids for scenarios that carry none, in order, without those that others carry."""
    taken = {match[1] for block in all_blocks for match in [_LABEL.match(block.text)] if match and block.kind == "item"}
    return (label for number in range(1, 100_000) if (label := f"AC-{number:03}") not in taken)


def _subsections(all_blocks: Sequence[Block]) -> Iterator[tuple[Block, list[Block]]]:
    """Each heading with the blocks right under it, up to the next heading of any level."""
    starts = [position for position, block in enumerate(all_blocks) if block.kind == "heading"]
    for start, end in pairwise([*starts, len(all_blocks)]):
        yield all_blocks[start], list(all_blocks[start + 1 : end])


def _leads(inner: Iterable[Block]) -> Iterator[tuple[str, str]]:
    for block in inner:
        if match := _LEAD.match(block.text):
            yield match[1].rstrip(":").casefold(), block.text[match.end() :]


def _notes(all_blocks: Sequence[Block], title: str) -> tuple[Note, ...]:
    return tuple(
        Note(text=block.text, line=block.line)
        for block in all_blocks
        if block.section[-1:] == (title,) and block.kind == "item"
    )


def _requirements(all_blocks: Sequence[Block], prefix: str) -> Iterator[Requirement]:
    for block in all_blocks:
        match = _REQUIREMENT.fullmatch(block.text) if block.kind in ("item", "paragraph") else None
        if match and match[1].startswith(prefix):
            yield Requirement(id=match[1], text=match[2], line=block.line)


def _clarifications(all_blocks: Sequence[Block]) -> Iterator[Clarification]:
    for block in all_blocks:
        match = _QUESTION.fullmatch(block.text) if "clarifications" in block.section else None
        if match:
            date = re.search(r"\d{4}-\d\d-\d\d", block.section[-1])
            yield Clarification(date=date[0] if date else "", question=match[1], answer=match[2], line=block.line)


def _open_questions(all_blocks: Sequence[Block]) -> Iterator[Note]:
    for block in all_blocks:
        for match in _OPEN.finditer(block.text if block.kind not in ("code", "html") else ""):
            yield Note(text=match[1].strip() or "(no question is written)", line=block.line)
