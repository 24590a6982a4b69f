"""Reading specs: Spec Kit's layout, and plain prose."""

from importlib.resources import files as resources

import pytest

from phasegate.core import InvalidInput
from phasegate.spec import LIMIT, Spec, mentions, read_spec
from unit.spec.rendering import render_spec

FOLDER = "specs/001-idle-things"

FULL = """# Feature Specification: Idle things

**Feature Branch**: `001-idle-things`
**Input**: User description: "Find things that idle, because they cost
money."

## Clarifications

### Session 2026-11-02

- Q: What is idle? → A: Nothing happened for 7 days.
- Q: And without data? -> A: Unknown.

## User Scenarios & Testing *(mandatory)*

### User Story 1 - See them (Priority: P1)

An engineer wants a list.

**Why this priority**: The list pays for itself.

**Independent Test**: Look at the list.

**Acceptance Scenarios**:

1. **Given** a thing that idles, **When** the runbook runs, **Then** it is found (FR-001)
2. **Given** a thing that works,
   **When** the runbook runs,
   **Then** it is not found (FR-001, SC-001).

### User Story 2 — Stop them (Priority: P2)

1. Given findings, when they are approved; then things stop
2. Stop everything

### Edge Cases

- What happens with no data? It is unknown.

## Requirements *(mandatory)*

### Functional Requirements

- **FR-001**: The runbook MUST find idle things.
- **FR-002**: It MUST stop them on [NEEDS CLARIFICATION: which days?].

### Key Entities *(include if feature involves data)*

- **Thing**: has an id.

## Success Criteria *(mandatory)*

### Measurable Outcomes

- **SC-001**: 100 % of idle things are found.

## Risk

- **Severity**: medium
- **Blast radius**: one account
"""


def read(text: str) -> Spec:
    return read_spec({f"{FOLDER}/spec.md": text.encode()}, FOLDER)


def test_every_part_of_the_layout_is_read() -> None:
    spec = read(FULL)
    assert (spec.title, spec.path) == ("Idle things", f"{FOLDER}/spec.md")
    assert spec.what == "Find things that idle, because they cost money."
    assert spec.why == spec.what
    assert [(story.id, story.title, story.priority) for story in spec.stories] == [
        ("US1", "See them", "P1"),
        ("US2", "Stop them", "P2"),
    ]
    assert spec.stories[0].narrative == "An engineer wants a list."
    assert spec.stories[0].why == "The list pays for itself."
    assert spec.stories[0].test == "Look at the list."
    assert [note.text for note in spec.edge_cases] == ["What happens with no data? It is unknown."]
    assert [note.text for note in spec.entities] == ["**Thing**: has an id."]
    assert [(each.date, each.question, each.answer) for each in spec.clarifications] == [
        ("2026-11-02", "What is idle?", "Nothing happened for 7 days."),
        ("2026-11-02", "And without data?", "Unknown."),
    ]
    assert [note.text for note in spec.open_questions] == ["which days?"]
    assert spec.risk is not None
    assert (spec.risk.severity, spec.risk.blast_radius, spec.risk.data) == ("medium", "one account", "")


def test_criteria_are_numbered_in_order_and_keep_what_they_cover() -> None:
    spec = read(FULL)
    first, second, third = spec.criteria
    assert (first.id, second.id, third.id) == ("AC-001", "AC-002", "AC-003")
    assert second.text == "Given a thing that works, When the runbook runs, Then it is not found"
    assert (third.given, third.when, third.then) == ("findings", "they are approved", "things stop")
    assert [scenario.covers for scenario in spec.scenarios] == [("FR-001",), ("FR-001", "SC-001"), (), ()]
    assert [scenario.criterion is None for scenario in spec.scenarios] == [False, False, False, True]


def test_ids_are_those_that_everything_later_refers_to() -> None:
    assert read(FULL).ids == ("FR-001", "FR-002", "AC-001", "AC-002", "AC-003", "SC-001")


def test_every_part_knows_its_line() -> None:
    lines = FULL.splitlines()
    spec = read(FULL)
    assert lines[spec.stories[1].line - 1].startswith("### User Story 2")
    assert [lines[scenario.line - 1][:2] for scenario in spec.scenarios] == ["1.", "2.", "1.", "2."]
    assert lines[spec.requirements[1].line - 1].startswith("- **FR-002**")
    assert "[NEEDS" in lines[spec.open_questions[0].line - 1]


def test_a_labelled_criterion_keeps_its_id_and_others_go_round_it() -> None:
    text = FULL.replace("2. **Given** a thing that works", "2. **AC-001** **Given** a thing that works")
    assert [criterion.id for criterion in read(text).criteria] == ["AC-002", "AC-001", "AC-003"]


def test_a_word_in_bold_comes_before_the_same_word_in_the_prose() -> None:
    line = "1. **Given** a clock that says when and then, **When** it strikes, **Then** it is noon"
    spec = read(f"### User Story 1 - Clock\n\n{line}\n")
    assert spec.criteria[0].given == "a clock that says when and then"


def test_front_matter_may_declare_the_risk_and_does_not_shift_lines() -> None:
    spec = read(
        "---\nrisk:\n  severity: high\n  blast radius: a region\n  reversible: no\n---\n" + FULL.split("## Risk")[0]
    )
    assert spec.risk is not None
    assert (spec.risk.severity, spec.risk.blast_radius, spec.risk.reversible) == ("high", "a region", "no")
    assert spec.title == "Idle things"
    assert spec.stories[0].line == FULL.splitlines().index("### User Story 1 - See them (Priority: P1)") + 7


@pytest.mark.parametrize("front", ["a: &a [1]\nb: *a\n", "a: !!python/object/apply:os.system [ls]\n", "a: [\n"])
def test_front_matter_that_is_not_plain_yaml_says_nothing(front: str) -> None:
    assert read(f"---\n{front}---\n# Title\n").risk is None


def test_plain_prose_is_read_as_far_as_it_goes() -> None:
    spec = read("# Old buckets\n\nFind buckets that nobody reads. We pay for them because nobody looks.\n")
    assert spec.title == "Old buckets"
    assert spec.what.startswith("Find buckets that nobody reads.")
    assert spec.why == "We pay for them because nobody looks."
    assert spec.ids == ()


def test_prose_without_a_heading_takes_its_first_sentence_as_title() -> None:
    assert read("Find old buckets. They cost money.").title == "Find old buckets"


def test_an_empty_spec_is_read() -> None:
    assert (read("").title, read("").what) == ("001-idle-things", "")


def test_line_ends_and_a_byte_order_mark_make_no_difference() -> None:
    windows = ("\ufeff" + FULL).replace("\n", "\r\n")
    assert read(windows) == read(FULL)


@pytest.mark.parametrize(
    "folder",
    ["../../.ssh", "/etc", "specs/../x", "specs//x", "", ".", "specs/.hidden", "C:\\x", "a\x00b", "specs/a b", "~root"],
)
def test_a_folder_that_is_not_plain_is_refused(folder: str) -> None:
    with pytest.raises(InvalidInput, match="is not a spec's folder"):
        read_spec({f"{folder}/spec.md": b"# x"}, folder)


def test_a_missing_spec_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"there is no specs/001-idle-things/spec\.md"):
        read_spec({}, FOLDER)


@pytest.mark.parametrize("name", ["spec.md", "runbook.yaml"])
def test_a_file_that_is_too_large_is_refused_with_its_size(name: str) -> None:
    files = {f"{FOLDER}/spec.md": b"# x", f"{FOLDER}/{name}": b"x" * (LIMIT * 10)}
    with pytest.raises(InvalidInput, match="10,485,760 bytes") as caught:
        read_spec(files, FOLDER)
    assert caught.value.findings[0].rule == "too-large"


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidInput, match="not UTF-8 text: byte 2"):
        read_spec({f"{FOLDER}/spec.md": b"# \xff"}, FOLDER)


@pytest.mark.parametrize("unit", ["when then ", "[", "**a ", "- FR-001: x ", "<!-- ", "`a", "> "])
def test_hostile_repetition_is_read_in_bounded_time(unit: str) -> None:
    read("### User Story 1\n\n1. Given " + unit * (20_000 // len(unit)))


def test_what_is_rendered_is_read_back_as_the_same_spec() -> None:
    once = render_spec(read(FULL))
    assert render_spec(read(once)) == once
    again, before = read(once), read(FULL)
    assert again.criteria == before.criteria
    assert (again.ids, again.title, again.what, again.why) == (before.ids, before.title, before.what, before.why)
    assert [note.text for note in again.edge_cases] == [note.text for note in before.edge_cases]


def test_mentions_are_found_with_their_lines() -> None:
    text = "FR-001 and AC-002\nFR-001, FR-001; US12 (SC-100) XFR-001 FR-1"
    assert [(mention.id, mention.line) for mention in mentions(text)] == [
        ("FR-001", 1),
        ("AC-002", 1),
        ("FR-001", 2),
        ("US12", 2),
        ("SC-100", 2),
    ]


@pytest.mark.parametrize(
    "name", sorted(p.name for p in resources("phasegate.team.specs").iterdir() if p.name[0].isdigit())
)
def test_our_examples_are_rendered_without_loss_of_an_id(name: str) -> None:
    text = resources("phasegate.team.specs").joinpath(name, "spec.md").read_text(encoding="utf-8")
    spec = read(text)
    assert read(render_spec(spec)).ids == spec.ids
    assert len(spec.criteria) == len(list(spec.scenarios))
