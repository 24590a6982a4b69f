"""A workflow as data: a table of phases, each with its authors, checks, reviewers and gate."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from phasegate.core import Finding, InvalidInput, digest
from phasegate.team.documents import Document, Location, did_you_mean, read_yaml, refused, validated

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=3650)
_PLACEHOLDERS = {"spec", "name", "module", "package"}
_SEEN = frozenset({"inventory"})
"""Checks of what a reviewer looked at first, by the name of the look."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]


def _duration(value: Any) -> Any:
    match = re.fullmatch(r"([1-9][0-9]*)([mhdw])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration is a whole number and one of m, h, d, w, such as 14d")
    # The digits are counted first: `timedelta` raises on a number that is too large for it.
    if len(match[1]) > len(str(_LONGEST.days)) + 5 or timedelta(**{_UNITS[match[2]]: int(match[1])}) > _LONGEST:
        raise ValueError(f"a duration is at most {_LONGEST.days}d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


Approver = Annotated[str, Field(pattern=r"^((user|group):\S.*|[a-z][a-z0-9-]*)$")]
"""A card, `user:NAME` or `group:NAME`."""

Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(lambda value: f"{int(value.total_seconds() // 60)}m"),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]*[mhdw]$"}),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


Looks = tuple[Literal["inventory"], ...]
_READS = ("{spec}/*",)


class Author(_Strict):
    """A role that drafts, and what it may write."""

    role: Name
    """Name of the role's card."""
    item: Name
    """What this author makes, one word; it tells the authors of one phase apart."""
    artifacts: tuple[str, ...] = Field(min_length=1)
    """Paths it writes, from the top of the target repository; `{spec}` is the spec's folder, `{name}` that without its
    number, `{module}` the name as a Python module, `{package}` the target's package; `*` stands for any file name."""
    reads: tuple[str, ...] = _READS
    """Paths that a model or an assistant reads to write it, with the placeholders of `artifacts`."""
    looks: Looks = ()
    """What it looks at first: `inventory` counts what the runbook will list, where phasegate.toml names regions."""


class Review(_Strict):
    """A role that judges the draft, and the deterministic checks it answers for."""

    role: Name
    """Name of the role's card."""
    checks: tuple[Name, ...] = ()
    """Checks run in this reviewer's name."""
    reads: tuple[str, ...] = _READS
    """Paths that a model or an assistant reads to judge, with the placeholders of an author's `artifacts`."""
    looks: Looks = ()
    """What it looks at first, for itself: `inventory` counts as for an author; the check `inventory` judges by that."""


class Gate(_Strict):
    """A decision point for a person."""

    name: str = Field(min_length=1)
    """What people call it, such as `spec review`."""
    approvers: tuple[Approver, ...] = Field(("manager",), min_length=1)
    """Who may decide: the card of people, `user:NAME`, or `group:NAME` of phasegate.toml; agents never can."""
    quorum: int = Field(1, ge=1)
    """How many different approvers must approve; one who rejects or asks for changes is enough for that."""
    author_may_approve: bool = True
    """Whether who started the run may approve here; with one manager in the house nobody else could."""
    delegable: bool = True
    """Whether an approver may have another person decide for them."""
    expires_after: Duration | None = None
    """How long it may stay open, such as `14d`; then it closes with nothing approved. Left out, it waits for ever."""
    remind_after: Duration | None = None
    """How long until the first reminder, and between reminders. Left out, nobody is reminded."""
    escalate_after: Duration | None = None
    """After how long those of `escalate_to` may decide too."""
    escalate_to: tuple[Approver, ...] = ()
    """Named as the approvers are."""
    reauthenticate: bool = False
    """Whether the approver has to prove again who they are, at the moment of the decision."""


class Phase(_Strict):
    """A row of the table: draft, checks beside reviews, rework, gate and effects."""

    id: Name
    """Its name in runs, branches and commands."""
    title: str = Field(min_length=1)
    """What people read."""
    authors: tuple[Author, ...] = Field(min_length=1)
    """Roles that draft; several of them draft at the same time."""
    checks: tuple[Name, ...] = ()
    """Checks that the engine runs beside the reviews."""
    reviews: tuple[Review, ...] = ()
    """Roles that review, all at the same time."""
    max_rounds: int = Field(3, ge=1, le=10)
    """Drafts at most, the first one counted, before the findings go to the person as they stand."""
    gate: Gate
    """Where a person decides on what this phase produced."""
    effects: tuple[Name, ...] = ()
    """What is done to the world after the approval, in this order."""

    @property
    def produces(self) -> tuple[str, ...]:
        """Every path pattern that its authors write."""
        return tuple(path for author in self.authors for path in author.artifacts)

    @property
    def releases(self) -> bool:
        """True if the phase publishes, which one run at a time does on top of what was released before."""
        return "publish" in self.effects

    @property
    def all_checks(self) -> tuple[str, ...]:
        """The phase's own checks and its reviewers', each once."""
        return tuple(dict.fromkeys((*self.checks, *(name for review in self.reviews for name in review.checks))))


class Flow(_Strict):
    """A workflow: its phases in order."""

    name: Name
    """The file's name without `.yaml`."""
    version: int = Field(ge=1)
    """Raise it when phases are renamed, added or removed: a parked run keeps the version it started with."""
    deliverable: str = "runbook spec"
    """Kind of the specs that it is for, which new specs of its repository declare."""
    phases: tuple[Phase, ...] = Field(min_length=1)
    """In order; each begins after the gate of the one before."""

    def phase(self, name: str) -> Phase:
        """The phase of that id.

        Raises:
            InvalidInput: The workflow has none, as where it is another one than a gate was opened under.
        """
        for phase in self.phases:
            if phase.id == name:
                return phase
        raise InvalidInput(
            f"workflow '{self.name}' has no phase '{name}'",
            fix="put the workflow back under which that was begun: 'phasegate trust show'",
        )

    @property
    def phase_ids(self) -> tuple[str, ...]:
        """The ids of its phases, in order."""
        return tuple(phase.id for phase in self.phases)

    @cached_property
    def shape(self) -> str:
        """Changes when a parked run would not find its nodes any more: phases, items, checks, reviewers or effects."""
        rows = [
            [p.id, [a.item for a in p.authors], list(p.checks), [r.role for r in p.reviews], list(p.effects)]
            for p in self.phases
        ]
        return digest([self.name, self.version, rows])[:16]

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role that drafts or reviews in it, each once."""
        return tuple(dict.fromkeys(role for phase in self.phases for role in _roles(phase)))


def read_flow(
    text: str,
    path: str,
    *,
    agents: Collection[str],
    people: Collection[str],
    known_checks: Collection[str] | None = None,
    known_effects: Collection[str] | None = None,
) -> Flow:
    """Reads a workflow and holds every name in it against what there is.

    Args:
        text: the YAML.
        path: its name in messages.
        agents: names of the cards of agents, who draft and review.
        people: names of the cards of people, who decide at gates.
        known_checks: the checks that the engine has; None leaves their names unjudged.
        known_effects: the effects that the engine has; None leaves their names unjudged.

    Raises:
        InvalidInput: with file, line and fix for each thing that does not hold.
    """
    document = read_yaml(text, path, check="flow-lint")
    flow = validated(document, Flow)
    findings = [
        *_duplicates(flow, document),
        *_unknown(document, "role", _role_names(flow), agents),
        *_unknown(document, "approver", _approver_names(flow), people),
        *_unknown(document, "check", _check_names(flow), known_checks),
        *_unknown(document, "effect", _effect_names(flow), known_effects),
        *_escalations(flow, document),
        *_blind(flow, document),
        *_artifacts(flow, document),
    ]
    if findings:
        raise refused(path, findings)
    return flow


def _roles(phase: Phase) -> Iterator[str]:
    yield from (author.role for author in phase.authors)
    yield from (review.role for review in phase.reviews)


def _duplicates(flow: Flow, document: Document) -> Iterator[Finding]:
    counts = Counter(flow.phase_ids)
    for index, phase in enumerate(flow.phases):
        if counts[phase.id] > 1:
            where = ("phases", index, "id")
            yield document.finding("duplicate-phase", where, f"phase {phase.id!r} stands here twice", "Rename one.")
        yield from _same_item(phase, document, index)


def _same_item(phase: Phase, document: Document, index: int) -> Iterator[Finding]:
    counts = Counter(author.item for author in phase.authors)
    for number, author in enumerate(phase.authors):
        if counts[author.item] > 1:
            where = ("phases", index, "authors", number, "item")
            message = f"two authors of phase {phase.id!r} make the item {author.item!r}"
            yield document.finding("duplicate-item", where, message, "Give each author an item of its own.")


def _unknown(
    document: Document, kind: str, names: Iterator[tuple[Location, str]], known: Collection[str] | None
) -> Iterator[Finding]:
    for where, name in names:
        if known is not None and name not in known:
            message = f"unknown {kind} {name!r}"
            yield document.finding(f"unknown-{kind}", where, message, did_you_mean(name, sorted(known)))


def _role_names(flow: Flow) -> Iterator[tuple[Location, str]]:
    for index, phase in enumerate(flow.phases):
        for number, author in enumerate(phase.authors):
            yield ("phases", index, "authors", number, "role"), author.role
        for number, review in enumerate(phase.reviews):
            yield ("phases", index, "reviews", number, "role"), review.role


def _approver_names(flow: Flow) -> Iterator[tuple[Location, str]]:
    for index, phase in enumerate(flow.phases):
        for key in ("approvers", "escalate_to"):
            for number, approver in enumerate(getattr(phase.gate, key)):
                if ":" not in approver:
                    yield ("phases", index, "gate", key, number), approver


def _check_names(flow: Flow) -> Iterator[tuple[Location, str]]:
    for index, phase in enumerate(flow.phases):
        for number, check in enumerate(phase.checks):
            yield ("phases", index, "checks", number), check
        for row, review in enumerate(phase.reviews):
            for number, check in enumerate(review.checks):
                yield ("phases", index, "reviews", row, "checks", number), check


def _effect_names(flow: Flow) -> Iterator[tuple[Location, str]]:
    for index, phase in enumerate(flow.phases):
        for number, effect in enumerate(phase.effects):
            yield ("phases", index, "effects", number), effect


def _escalations(flow: Flow, document: Document) -> Iterator[Finding]:
    for index, phase in enumerate(flow.phases):
        if bool(phase.gate.escalate_to) != bool(phase.gate.escalate_after):
            message = f"gate {phase.gate.name!r} says half of how it escalates"
            fix = "Write both escalate_after and escalate_to, or neither."
            yield document.finding("escalation", ("phases", index, "gate"), message, fix)


def _blind(flow: Flow, document: Document) -> Iterator[Finding]:
    """Checks that judge by what a reviewer saw, where nobody looks."""
    for index, phase in enumerate(flow.phases):
        yield from _unseen(document, ("phases", index, "checks"), phase.checks, ())
        for row, review in enumerate(phase.reviews):
            yield from _unseen(document, ("phases", index, "reviews", row, "checks"), review.checks, review.looks)


def _unseen(document: Document, where: Location, checks: Collection[str], looks: Looks) -> Iterator[Finding]:
    for name in sorted(_SEEN.intersection(checks) - set(looks)):
        fix = f"Give {name!r} to a reviewer with `looks: [{name}]`."
        yield document.finding("blind-check", where, f"check {name!r} judges by a look that nobody takes", fix)


def _artifacts(flow: Flow, document: Document) -> Iterator[Finding]:
    for index, phase in enumerate(flow.phases):
        for number, author in enumerate(phase.authors):
            for place, path in enumerate(author.artifacts):
                if problem := _bad_pattern(path):
                    where = ("phases", index, "authors", number, "artifacts", place)
                    fix = "Write a path from the top of the repository, with {spec}, {name}, {module} or {package}."
                    yield document.finding("artifact-path", where, f"artifact {path!r}: {problem}", fix)


def _bad_pattern(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        return "it leaves the repository"
    unknown = set(re.findall(r"\{([^}]*)\}", path)) - _PLACEHOLDERS
    return f"unknown placeholder {{{min(unknown)}}}" if unknown else ""
