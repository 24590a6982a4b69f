"""Lint of a spec in Spec Kit's layout: the parts that people must agree on and a machine can be held to."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from phasegate.core import Finding, InvalidInput, Severity
from phasegate.spec.blocks import Block, blocks
from phasegate.spec.formats.speckit.parse import parse_spec
from phasegate.spec.model import Requirement, Scenario, Spec, Story
from phasegate.spec.risk import read_front_matter
from phasegate.spec.source import CHECK

_SECTIONS = (
    ("user scenarios & testing", "User Scenarios & Testing", Severity.high),
    ("requirements", "Requirements", Severity.high),
    ("success criteria", "Success Criteria", Severity.medium),
    ("edge cases", "Edge Cases", Severity.low),
)
# Words that two readers hold for different numbers, so that no test can decide.
_VAGUE = re.compile(
    r"\b(fast|quick(?:ly)?|slow(?:ly)?|easy|easily|simple|intuitive|user-friendly|robust|scalable|efficient(?:ly)?"
    r"|appropriate(?:ly)?|suitable|reasonabl[ey]|adequate(?:ly)?|sufficient(?:ly)?|old|recent(?:ly)?|soon|many|several"
    r"|some|large|big|small|as needed|if necessary|as possible|etc|and so on|tbd|todo)\b",
    re.IGNORECASE,
)
_MUST = re.compile(r"\b(?:MUST|SHALL|SHOULD|MAY|WILL)\b")
# What was meant for an id and is none would be read as prose, and covered by nothing.
_NEAR_ID = re.compile(r"\**\s*((?:FR|SC|AC)[\s_-]?\d{0,2}|(?:FR|SC|AC)[\s_]\d+)\s*\**\s*:")
_RISKS = ("low", "medium", "high", "critical")


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """A spec, and its text as blocks."""

    spec: Spec
    blocks: Sequence[Block]

    def finding(
        self, rule: str, severity: Severity, line: int, message: str, fix: str, requirement: str = ""
    ) -> Finding:
        return Finding(
            check=CHECK,
            rule=rule,
            severity=severity,
            path=self.spec.path,
            line=line,
            message=message,
            fix=fix,
            requirement=requirement,
        )


def lint(text: str, folder: str) -> list[Finding]:
    """Lint the text of a spec in Spec Kit's layout."""
    judged = _Judged(spec=parse_spec(text, folder), blocks=blocks(text))
    return [
        *_folder(judged),
        *_sections(judged),
        *_stories(judged),
        *_scenarios(judged),
        *_requirements(judged),
        *_ids(judged),
        *_coverage(judged),
        *_words(judged),
        *_open(judged),
        *_risk(judged),
        *_front_matter(text, judged.spec.path),
    ]


def _folder(judged: _Judged) -> Iterator[Finding]:
    name = judged.spec.folder.rsplit("/", 1)[-1]
    if not re.fullmatch(r"\d{3,}-[a-z0-9]+(?:-[a-z0-9]+)*", name):
        message = f"the folder {name!r} is not named like 001-unattached-ebs-volumes"
        fix = "rename it: a number, then words in lower case joined by hyphens"
        yield judged.finding("folder-name", Severity.low, 0, message, fix)


def _sections(judged: _Judged) -> Iterator[Finding]:
    there = {title for block in judged.blocks for title in block.section}
    for key, title, severity in _SECTIONS:
        if key not in there:
            message = f"the section {title!r} is missing"
            yield judged.finding(
                "missing-section", severity, 0, message, f"add {'###' if key == 'edge cases' else '##'} {title}"
            )
    if not judged.spec.what:
        fix = "say it in one or two sentences below the title"
        yield judged.finding("missing-what", Severity.high, 1, "nothing says what is wanted", fix)
    if not judged.spec.why:
        fix = "add a sentence with 'because', or **Why this priority** to the first story"
        yield judged.finding("missing-why", Severity.medium, 1, "nothing says why it is wanted", fix)


def _stories(judged: _Judged) -> Iterator[Finding]:
    for story in judged.spec.stories:
        yield from _story(judged, story)
    if not judged.spec.stories:
        fix = "add `### User Story 1 - <title> (Priority: P1)` with its acceptance scenarios"
        yield judged.finding("no-story", Severity.high, 0, "there is no user story", fix)


def _story(judged: _Judged, story: Story) -> Iterator[Finding]:
    name = f"user story {story.title!r} ({story.id})"
    if not story.scenarios:
        fix = "add **Acceptance Scenarios**: and `1. **Given** …, **When** …, **Then** …` below it"
        yield judged.finding("no-scenario", Severity.high, story.line, f"{name} has no acceptance scenario", fix)
    if not story.priority:
        fix = "end the heading with (Priority: P1), P1 being the most valuable"
        yield judged.finding("no-priority", Severity.low, story.line, f"{name} has no priority", fix)
    if not story.test:
        fix = "add **Independent Test**: and how this story alone is tried out"
        yield judged.finding(
            "no-independent-test", Severity.low, story.line, f"{name} does not say how it is tested", fix
        )


def _scenarios(judged: _Judged) -> Iterator[Finding]:
    for scenario in judged.spec.scenarios:
        if scenario.criterion is None:
            message = f"not a Given, When, Then: {_shown(scenario.text)}"
            fix = "write **Given** a state, **When** something happens, **Then** what can be observed"
            yield judged.finding("not-given-when-then", Severity.high, scenario.line, message, fix)


def _requirements(judged: _Judged) -> Iterator[Finding]:
    spec = judged.spec
    if not spec.requirements:
        fix = "add `- **FR-001**: The runbook MUST …` under ### Functional Requirements"
        yield judged.finding("no-requirement", Severity.high, 0, "there is no functional requirement", fix)
    for requirement in spec.requirements:
        if not _MUST.search(requirement.text):
            message = f"{requirement.id} does not say what MUST hold"
            fix = "write who MUST, SHOULD or MAY do what"
            yield judged.finding("no-obligation", Severity.low, requirement.line, message, fix, requirement.id)
    if not spec.success_criteria:
        fix = "add `- **SC-001**: …` with a number and where it is read, under ### Measurable Outcomes"
        yield judged.finding("no-success-criterion", Severity.medium, 0, "there is no success criterion", fix)
    for criterion in spec.success_criteria:
        # Words such as `none` and `every` are measures too.
        if not re.search(r"\d|\b(?:all|every|each|no|none|never|zero|one)\b", criterion.text):
            message, fix = f"{criterion.id} has no number", "say how much, by when, and where it is read"
            yield judged.finding("not-measurable", Severity.medium, criterion.line, message, fix, criterion.id)


def _ids(judged: _Judged) -> Iterator[Finding]:
    named = [*judged.spec.requirements, *judged.spec.success_criteria]
    marks = [(each.id, each.line) for each in named] + [(story.id, story.line) for story in judged.spec.stories]
    marks += [(each.criterion.id, each.line) for each in judged.spec.scenarios if each.criterion]
    counts = Counter(name for name, _ in marks)
    first: dict[str, int] = {}
    for name, line in sorted(marks, key=lambda mark: mark[1]):
        if counts[name] > 1 and name in first:
            message = f"{name} stands here again; it was first given on line {first[name]}"
            yield judged.finding("duplicate-id", Severity.high, line, message, "give it a number of its own", name)
        first.setdefault(name, line)
    for block in judged.blocks:
        if block.kind == "item" and (match := _NEAR_ID.match(block.text)):
            message, fix = f"{match[1]!r} is not an id", "write two letters, a hyphen and three digits, such as FR-001"
            yield judged.finding("malformed-id", Severity.high, block.line, message, fix)


def _coverage(judged: _Judged) -> Iterator[Finding]:
    spec = judged.spec
    covered = {name for scenario in spec.scenarios for name in scenario.covers}
    for requirement in spec.requirements:
        if requirement.id not in covered and not re.search(r"\b(?:AC-\d+|US\d+)\b", requirement.text):
            message = f"no acceptance scenario names {requirement.id}"
            fix = f"end the scenario that would fail without it with ({requirement.id}), or add one"
            yield judged.finding(
                "uncovered-requirement", Severity.medium, requirement.line, message, fix, requirement.id
            )
    known = set(spec.ids)
    for scenario in spec.scenarios:
        for name in sorted(set(scenario.covers) - known):
            message = f"the scenario names {name}, which nothing defines"
            yield judged.finding(
                "unknown-id", Severity.high, scenario.line, message, f"define {name}, or correct it", name
            )


def _words(judged: _Judged) -> Iterator[Finding]:
    for text, line, name in _binding(judged.spec):
        if match := _VAGUE.search(text):
            message = f"{match[0]!r} cannot be tested"
            yield judged.finding(
                "vague", Severity.medium, line, message, "give the number or the state that you mean", name
            )


def _binding(spec: Spec) -> Iterator[tuple[str, int, str]]:
    named: Sequence[Requirement] = (*spec.requirements, *spec.success_criteria)
    yield from ((each.text, each.line, each.id) for each in named)
    yield from ((each.text, each.line, _name(each)) for each in spec.scenarios)


def _name(scenario: Scenario) -> str:
    return scenario.criterion.id if scenario.criterion else ""


def _open(judged: _Judged) -> Iterator[Finding]:
    for question in judged.spec.open_questions:
        message = f"an open question: {_shown(question.text)}"
        fix = "write the answer in place of the mark"
        yield judged.finding("needs-clarification", Severity.high, question.line, message, fix)


def _risk(judged: _Judged) -> Iterator[Finding]:
    risk = judged.spec.risk
    if risk is None:
        fix = "add ## Risk with **Severity**, **Blast radius**, **Data** and **Reversible**"
        yield judged.finding("missing-risk", Severity.medium, 0, "the risk is not declared", fix)
        return
    # Authors go on after the word: "high, since data is lost".
    if risk.severity.split(",")[0].split(" ")[0].casefold() not in _RISKS:
        message = f"the risk's severity is {risk.severity!r}"
        fix = f"write one of {', '.join(_RISKS)}"
        yield judged.finding("risk-severity", Severity.medium, risk.line, message, fix)
    for field in ("blast_radius", "data", "reversible"):
        if not getattr(risk, field):
            title = field.replace("_", " ").capitalize()
            message = f"the risk does not say {title!r}"
            yield judged.finding(
                "incomplete-risk", Severity.low, risk.line, message, f"add - **{title}**: … under ## Risk"
            )


def _front_matter(text: str, path: str) -> Sequence[Finding]:
    try:
        read_front_matter(text, path)
    except InvalidInput as error:
        return error.findings
    return ()


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:100]}…")
