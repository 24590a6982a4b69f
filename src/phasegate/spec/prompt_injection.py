"""Text that tries to steer, to hide, or to reach out: it stays data whatever it says, and is shown to people."""

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markdown_it.token import Token

from phasegate.core import Finding, Severity, one_line
from phasegate.spec.blocks import tokens

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
# Told to the reader and never obeyed: prompts carry a spec as data, and gates take decisions from people alone.
_STEERING = (
    re.compile(
        r"\b(?:ignore|disregard|forget|override)\b[^.]{0,40}\b(?:instructions?|rules|prompts?|guidelines)\b",
        re.IGNORECASE,
    ),
    re.compile(r"\bapprove\b[^.]{0,20}\b(?:gates?|phases?|run)\b", re.IGNORECASE),
    re.compile(r"^[^\w\n]*(?:approved|waived|signed(?: off)?)[ \t]+by\b", re.IGNORECASE | re.MULTILINE),
    re.compile(
        r"\b(?:you are now|act as|new system prompt|system prompt:|skip (?:the |all )?(?:gates?|reviews?|checks?))",
        re.IGNORECASE,
    ),
)
_COMMENT = re.compile(r"<!--(.*?)(?:-->|\Z)", re.DOTALL)
_REMOTE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_SHOWN = 120
# A file of nothing but such text must not bury every other finding.
_CAP = 20


def lint_text(text: str, path: str, *, markdown: bool = True, check: str = "spec-lint") -> list[Finding]:
    """Findings about text that tries to steer the team, hides from the reader, or would reach another host.

    Args:
        text: of a spec, or of any other file that somebody wrote.
        path: its name in findings.
        markdown: whether to look at it as Markdown, for comments, images, links and HTML.
        check: the check in whose name findings are given.
    """
    lines = _Lines(text)
    remarks = [*_steering(text, lines), *_invisible(text)]
    if markdown:
        remarks += [*_comments(text, lines), *_reaching_out(tokens(text))]
    return [
        Finding(
            check=check,
            rule=remark.rule,
            severity=remark.severity,
            path=path,
            line=remark.line,
            message=remark.message,
            fix=remark.fix,
        )
        for remark in _capped(remarks)
    ]


class _Remark(NamedTuple):
    rule: str
    severity: Severity
    line: int
    message: str
    fix: str


class _Lines:
    """Line numbers for offsets into a text."""

    def __init__(self, text: str) -> None:
        self._ends = [match.start() for match in re.finditer("\n", text)]

    def at(self, offset: int) -> int:
        return bisect_left(self._ends, offset) + 1


def _capped(remarks: list[_Remark]) -> Iterator[_Remark]:
    """A flood of one kind would hide the rest: the first of each rule, then how many more there are."""
    counts = Counter(remark.rule for remark in remarks)
    seen: Counter[str] = Counter()
    for remark in remarks:
        seen[remark.rule] += 1
        more = counts[remark.rule] - _CAP
        if seen[remark.rule] == _CAP and more > 0:
            yield remark._replace(message=f"{remark.message} (and {more} more like it)")
        elif seen[remark.rule] <= _CAP:
            yield remark


def _steering(text: str, lines: _Lines) -> Iterator[_Remark]:
    matches = (match for pattern in _STEERING for match in pattern.finditer(text))
    # By place and not by pattern, for only the first ones are shown.
    for match in sorted(matches, key=re.Match.start):
        message = f"this text addresses the team, and changes nothing: {_shown(match[0])}"
        fix = "take it out, or say what the runbook shall do; decisions are made at gates alone"
        yield _Remark("steering-text", Severity.high, lines.at(match.end()), message, fix)


def _invisible(text: str) -> Iterator[_Remark]:
    for number, line in enumerate(text.split("\n"), 1):
        found = sorted(set(_UNSEEN.findall(line)))
        if found:
            names = ", ".join(_character(each) for each in found)
            # Characters that turn the direction round show another text than the one that is read, and not only less of
            # it.
            rule, severity = ("bidi", Severity.critical) if _BIDI & set(found) else ("invisible", Severity.high)
            message = f"characters that nobody sees: {names}; the line reads {_shown(line)}"
            yield _Remark(rule, severity, number, message, "delete them; retype the line if need be")


def _comments(text: str, lines: _Lines) -> Iterator[_Remark]:
    for match in _COMMENT.finditer(text):
        line = lines.at(match.start())
        message = f"an HTML comment that a rendered page does not show: {_shown(match[1])}"
        yield _Remark("html-comment", Severity.medium, line, message, "write it as text, or take it out")


def _reaching_out(stream: Sequence[Token]) -> Iterator[_Remark]:
    for token in stream:
        line = token.map[0] + 1 if token.map else 0
        for part in (token, *(token.children or ())):
            yield from _reaching(part, line)


def _reaching(token: Token, line: int) -> Iterator[_Remark]:
    if token.type == "image" and _REMOTE.match(source := str(token.attrGet("src"))):
        message = f"an image on another host, which is never fetched: {_shown(source)}"
        yield _Remark("remote-image", Severity.medium, line, message, "put the picture beside the spec")
    elif token.type == "link_open" and _REMOTE.match(target := str(token.attrGet("href"))):
        message = f"a link to another host: {_shown(target)}"
        yield _Remark("remote-link", Severity.info, line, message, "say what the reader would learn there")
    elif token.type in ("html_block", "html_inline") and (rest := _COMMENT.sub("", token.content).strip()):
        message = f"HTML, which is shown as text: {_shown(rest)}"
        yield _Remark("raw-html", Severity.medium, line, message, "write Markdown")


def _shown(text: str) -> str:
    plain = one_line(text)
    return repr(plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}…")


def _character(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'control')}"
