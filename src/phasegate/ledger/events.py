"""Events of a run, one class for each kind.

To add a kind, add a class with a `kind` of its own: it is written, read and refused by that alone. On disk an event is
a key and a body. The key names the kind and the fields of `identity`, so that the same event is stored once however
often a node runs; the body holds the other fields as canonical JSON, without those that have their default value, so
that a new field with a default changes no stored event.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from phasegate.core import Finding, canonical, digest
from phasegate.core.secrets import take_out

VERSION = 1
"""Version of the stored form, signed with each event."""


class GateKey(NamedTuple):
    """Key of a gate, since LangGraph's interrupt ids are random and change on replay."""

    run: str
    phase: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.run}/{self.phase}/{self.attempt}"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Event(_Frozen):
    """An event of any kind."""

    kinds: ClassVar[dict[str, type["Event"]]] = {}
    """Classes by kind."""
    kind: ClassVar[str]
    identity: ClassVar[tuple[str, ...]] = ()
    """Fields that tell the event from others of its kind in a run; the last one alone may hold a slash."""

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Register the class under its kind."""
        super().__pydantic_init_subclass__(**options)
        if "kind" in vars(cls) and cls.kinds.setdefault(cls.kind, cls) is not cls:
            raise TypeError(f"kind '{cls.kind}' is {cls.kinds[cls.kind].__name__}'s already; give {cls} another")

    @property
    def key(self) -> str:
        """Idempotency key of the event within its run."""
        return self.key_of(*(getattr(self, name) for name in self.identity))

    @classmethod
    def key_of(cls, *identity: object) -> str:
        """Return the key of the event with these values of its identity, or the prefix of keys with fewer values."""
        parts = [str(value) for value in identity]
        if any("/" in part for part in parts[: len(cls.identity) - 1]):
            raise ValueError(f"{parts} of an event '{cls.kind}' hold a slash; only {cls.identity[-1]} may")
        return f"{cls.kind}:{'/'.join(parts)}" if cls.identity else cls.kind

    @property
    def body(self) -> str:
        """Canonical JSON of the fields that the key does not hold."""
        body = self.model_dump(mode="json", exclude=set(self.identity), exclude_defaults=True)
        return canonical(body).decode()

    def without_secrets(self) -> Self:
        """Return the event with the secrets in its texts replaced."""
        told = self.model_dump(mode="json", exclude=set(self.identity))
        clean = take_out(told)
        if clean == told:
            return self
        return self.model_validate(clean | {name: getattr(self, name) for name in self.identity})


class InPhase(Event):
    """An event of a phase."""

    phase: str


class InAttempt(InPhase):
    """An event of an attempt at a phase, which ends at one gate."""

    identity: ClassVar[tuple[str, ...]] = ("phase", "attempt")
    attempt: int
    """Counts the gates of the phase, from 1."""

    def gate(self, run: str) -> GateKey:
        """Return the gate of the run that the event is about."""
        return GateKey(run, self.phase, self.attempt)


class InRound(InAttempt):
    """An event of a round of drafts and judgements."""

    round: int
    """Counts the drafts within the attempt, from 1."""


class Terms(_Frozen):
    """Rules that a run begins under, with which a gate compares its own."""

    shape: str
    """Digest of the workflow."""
    policy_digest: str
    """Digest of the gate policy; empty: the run has none."""
    rules: Mapping[str, Mapping[str, Any]]
    """Rules of the gates by phase."""
    approvers: Mapping[str, tuple[str, ...]]
    """Names of the managers who may approve, by phase."""
    managers: Mapping[str, str]
    """Public key by name."""
    root: str = ""
    """Fingerprint of the repository's root; empty: there was none yet."""


class Starter(_Frozen):
    """Starter of a run, proven by a signature or by signing in."""

    name: str
    key: str = ""
    """Id of their key; empty: they are no manager."""
    channel: str
    envelope: Mapping[str, Any] | None = None
    """What they signed, where they did not sign in."""


class RunStarted(Event):
    """Recorded when a run begins."""

    kind = "run"
    spec: str
    base: str
    flow: str
    policy: str
    by: str
    terms: Terms | None = None
    starter: Starter | None = None
    """None: nobody proved who they are, and the name is what Git or an agent says."""
    replay: str = ""
    """Name of the recording that answers in place of chat models; empty: they are called."""


class RoundStarted(InRound):
    """Recorded when the authors of a phase begin to write."""

    kind = "phase"
    identity = ("phase", "attempt", "round")


class Drafted(InRound):
    """Recorded when an author has written its item."""

    kind = "draft"
    identity = ("phase", "attempt", "round", "item")
    item: str
    author: str
    """Role of the author."""
    model: str = ""
    """Chat model that wrote it, or `assistant`; empty: the compiler did."""
    files: int
    """Number of files."""
    seconds: float = 0.0
    answers: tuple[tuple[str, str], ...] = ()
    """Comments of the gate before, each with the author's answer."""


class CommitsSetAside(Event):
    """Recorded when commits of others were found on the run's branch and kept under another name."""

    kind = "foreign"
    identity = ("ref",)
    ref: str


class Judgement(InRound):
    """Report of a check or a reviewer on a tree."""

    tree: str = ""
    """Git's hash of the tree; empty where only the draft was looked at."""
    seconds: float = 0.0
    evidence: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    inputs: str = ""
    """Digest of everything that the result depends on; empty where it depends on more than the tree."""

    @property
    def name(self) -> str:
        """Name of the check, or role of the reviewer."""
        return str(getattr(self, self.identity[-1]))

    @property
    def place(self) -> str:
        """`phase/attempt/round/name`."""
        return self.key.partition(":")[2]

    @property
    def saw(self) -> str:
        """The evidence in one line, or an empty string."""
        return "; ".join(self.evidence)

    @property
    def blocking(self) -> int:
        """Number of findings that keep the gate from being approved."""
        return sum(finding.blocking for finding in self.findings)


class CheckReported(Judgement):
    """Recorded when a check has judged a draft."""

    kind = "check"
    identity = ("phase", "attempt", "round", "check")
    check: str


class ReviewReported(Judgement):
    """Recorded when a reviewer has judged a draft."""

    kind = "review"
    identity = ("phase", "attempt", "round", "reviewer")
    reviewer: str
    """Role of the reviewer."""


class MergedRelease(_Frozen):
    """A release that a run's tree was merged with."""

    version: str
    commit: str
    by_hand: bool
    """Whether the branch says a higher version than any release of ours."""
    run: str
    """The run that released it; empty where it was made by hand."""


class ReleasesMerged(InAttempt):
    """Recorded when a run's approved tree was put on top of the releases that came first."""

    kind = "onto"
    onto: tuple[MergedRelease, ...]
    kept: tuple[str, ...] = ()
    """Paths of files that a release has in other bytes and that stayed as in the run."""
    mixed: tuple[str, ...] = ()
    """Paths of files with lines of both."""


class Binds(_Frozen):
    """Everything that a decision at a gate is bound to."""

    gate: str
    tree: str
    since: str
    flow: str
    phases: tuple[str, ...]
    quorum: int
    rules: str
    """Digest of the gate's rules."""
    approvers: Mapping[str, str]
    delegates: Mapping[str, str]
    policy: str
    upstream: tuple[str, ...]
    """Digests of the decisions before it."""
    findings: tuple[str, ...]
    before: str
    """Digest of the last event before the gate."""
    system: str
    """Id of the system's key."""
    root: str = ""
    """Digest of the version of the root whose managers and rules these are; empty where there was none yet."""

    @property
    def digest(self) -> str:
        """Digest that a decision signs."""
        return digest(self.model_dump(mode="json", exclude_defaults=True))


class GateOpened(InAttempt):
    """Recorded when a gate opens."""

    kind = "gate"
    binds: Binds
    rules: Mapping[str, Any]
    opened_at: int
    """Seconds since 1970."""
    blocking: int = 0
    """Number of findings that block."""
    changed: tuple[str, ...] = ()
    """What differs from when the run began, a phrase each."""


class PolicyRefused(InAttempt):
    """Recorded when the run's policy does not pass a gate, so that a person is asked."""

    kind = "policy"
    policy: str
    reason: str


class DecisionTaken(InAttempt):
    """Recorded when a person or a policy has decided at a gate."""

    kind = "decision"
    identity = ("phase", "attempt", "by")
    by: str
    decision: Literal["approve", "request-changes", "reject", "waive"]
    channel: str
    statement: str
    """SHA-256 of what was signed."""
    delegation: Mapping[str, Any] | None = None
    """Envelope of the delegation under which the person decided."""

    @property
    def passes(self) -> bool:
        """True if the run goes on to the next phase."""
        return self.decision in ("approve", "waive")


class DecisionRevoked(InAttempt):
    """Recorded when a person takes a decision back that was not used."""

    kind = "revoked"
    identity = ("phase", "attempt", "by")
    by: str
    channel: str
    envelope: Mapping[str, Any]


class GateVoided(InAttempt):
    """Recorded when a gate closes with nothing approved, or its decision does not count any more."""

    kind = "void"
    reason: str
    """A code such as `gate_expired`, or words."""
    moved: tuple[str, ...] = ()
    """What the gate showed and is not true any more, a phrase each."""

    @property
    def says(self) -> str:
        """Return the moved parts in one line."""
        return "; ".join(self.moved)


class Reminded(InAttempt):
    """Recorded when approvers are reminded of a gate."""

    kind = "reminder"
    identity = ("phase", "attempt", "number")
    number: int
    to: tuple[str, ...]


class Escalated(InAttempt):
    """Recorded when a gate has waited so long that more people may approve."""

    kind = "escalated"
    to: tuple[str, ...]


class WaiverExpired(InAttempt):
    """Recorded when an exception that a released run went on with is over."""

    kind = "lapsed"
    rules: tuple[str, ...]
    owner: str
    reason: str
    expires: str
    """A date, `YYYY-MM-DD`."""


class RunParked(Event):
    """Recorded when a run stands until a person sends it on."""

    kind = "parked"
    identity = ("segment",)
    segment: int
    why: str
    fix: str = ""


class RunEnded(Event):
    """Recorded when a run was released or rejected."""

    kind = "end"
    status: Literal["released", "rejected"]


class EffectDone(InPhase):
    """Recorded when the world was changed after an approval."""

    kind = "effect"
    identity = ("phase", "effect")
    effect: str
    seconds: float = 0.0
    receipt: Mapping[str, Any]
    """Result of the effect, for those after it and for readers."""


class Observed(InAttempt):
    """Recorded when a role has looked at the world before it drafts or reviews."""

    kind = "look"
    identity = ("phase", "attempt", "look", "role")
    look: str
    """Name of the observation, such as `inventory`."""
    role: str
    seen: Mapping[str, Any]


class ModelCalled(InRound):
    """Recorded when a role has called a model for a draft or a review."""

    kind = "model"
    identity = ("phase", "attempt", "round", "role", "call")
    role: str
    call: str
    """Item of the draft, or `review`."""
    usd: str
    """Price of all calls as a decimal number."""
    model: str = ""
    calls: int = 1
    tokens_in: int = 0
    tokens_out: int = 0
    sent_back: tuple[str, ...] = ()
    """First lines of the faults for which an answer was asked for again."""


class AllowanceRaised(Event):
    """Recorded when a manager allowed a run, or one of its roles, to use more of a model."""

    kind = "allowance"
    identity = ("id",)
    id: str
    """First digits of the statement's digest."""
    by: str
    role: str = ""
    """Empty: the run over all roles."""
    tokens: int = 0
    usd: str = "0"
    """US dollars as a decimal number."""
    calls: int = 0
    seconds: int = 0
    """Of the run's calls, or of each of the role's drafts and reviews."""
    rounds: int = 0
    """Of each of the role's drafts and reviews."""
    envelope: Mapping[str, Any]
    """The manager's signed statement of the same."""


class ToolCalled(Event):
    """Recorded when a tool was called, or its call refused."""

    kind = "tool"
    identity = ("tool", "call", "scope")
    tool: str
    """`server.tool`."""
    call: str
    """Id of the call; of the engine's calls without an answer the outcome, so that they are one event."""
    scope: str = ""
    """`phase/attempt/round`, `by-hand`, or the delivery or observation of the engine."""
    role: str
    arguments: str
    """Digest of the arguments."""
    outcome: str
    seconds: float = 0.0
    person: str = ""
    """Who called it by hand."""


class ToolRequested(InAttempt):
    """Recorded when a role would have called a tool, had a manager granted it."""

    kind = "tools"
    identity = ("server", "phase", "attempt", "tool", "mark")
    server: str
    tool: str
    mark: str
    """Digest of the tool's description."""
    role: str
    reason: str
    """`tool_changed`, `not_pinned` or `needs_grant`."""


class ClickRefused(InAttempt):
    """Recorded when a click in Slack was refused."""

    kind = "slack-refused"
    identity = ("phase", "attempt", "click")
    click: str
    """Slack's id of the click."""
    user: str
    team: str
    action: str
    reason: str


class TicketChange(_Frozen):
    """Change that somebody made to a ticket."""

    by: str
    at: str
    """ISO 8601, as the tracker says it."""
    did: str


class TicketChanged(Event):
    """Recorded when people changed the run's ticket by hand."""

    kind = "ticket"
    identity = ("issue", "updated")
    issue: str
    updated: str
    url: str
    status: str
    did: tuple[TicketChange, ...]


class DeliveryNoted(Event):
    """Recorded when a channel cannot be told of an event, or was left as people have it."""

    kind = "mirror"
    identity = ("channel", "news")
    channel: str
    news: str
    """Key of the news."""
    outcome: Literal["", "unknown", "never"] = ""
    why: str = ""
    left: tuple[str, ...] = ()


E = TypeVar("E", bound=Event)


def only(events: Iterable[Event], *kinds: type[E]) -> list[E]:
    """Return the events of these kinds, in order."""
    return [event for event in events if isinstance(event, kinds)]


def parse_key(key: str) -> tuple[str, dict[str, str]]:
    """Return the kind and the fields that a key names, none for an unknown kind."""
    kind, _, rest = key.partition(":")
    names = Event.kinds[kind].identity if kind in Event.kinds else ()
    return kind, dict(zip(names, rest.split("/", max(len(names) - 1, 0)), strict=False))


def parse(key: str, body: Mapping[str, Any]) -> Event:
    """Return the event of a key and a body.

    Raises:
        ValueError: its kind is unknown, or the fields are not those of the kind.
    """
    kind, identity = parse_key(key)
    found = Event.kinds.get(kind)
    if found is None:
        raise ValueError(f"kind '{kind}' is unknown; known are {', '.join(sorted(Event.kinds))}")
    try:
        event = found.model_validate({**body, **identity})
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ValueError(f"'{kind}' has other fields: {'; '.join(wrong)}") from error
    if event.key != key:
        raise ValueError(f"'{key}' is no key of an event; expected '{event.key}'")
    return event
