"""The shapes of the API, as its document describes them; the values come from `as_json` of what is below."""

import base64
import binascii
from datetime import date
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

T = TypeVar("T")


class _Out(BaseModel):
    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Problem(_Out):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    reason: str
    """Machine-readable, such as `stale_digest`."""
    detail: str
    fix: str
    """What to do next."""
    findings: list[dict[str, Any]]


class Listing(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None
    """Cursor of the part after this one; null where there is none."""


class Run(_Out):
    """A run in a list."""

    id: str
    spec: str
    flow: str
    branch: str
    base: str
    policy: str
    status: Literal["working", "waiting", "parked", "released", "rejected"]
    note: str
    segments: int
    started_at: str
    unattended: bool
    """Whether it would work if a worker lived: nobody works on it."""


class WholeRun(Run):
    """A run with its phases, and with what it made."""

    phases: list[dict[str, Any]]
    artifacts: list[dict[str, Any]]
    outside: list[dict[str, Any]]
    """Where it is told of: tickets, pages, cards; and what could not be told."""
    by_hand: list[dict[str, Any]]
    """What people did to its ticket."""


class Spec(_Out):
    """A spec that no run has taken yet."""

    spec: str
    title: str
    what: str
    findings: int
    blocking: int
    says: str


class Event(_Out):
    """Something that happened."""

    seq: int
    key: str
    at: str
    body: dict[str, Any]
    digest: str


class Cost(_Out):
    """What calls of models cost, in US dollars; decimals as text."""

    usd_so_far: str
    usd_to_come_at_most: str
    """Limits of the roles that call a model in the phases after this gate."""


class WaitingGate(_Out):
    """A gate in a list."""

    gate: str
    spec: str
    digest: str
    opened_at: str
    name: str
    title: str
    risk: str
    destructive: bool
    findings: int
    blocking: int
    expires_at: str | None
    cost: Cost
    approvers: list[str]
    quorum: int
    """How many different approvers must approve."""
    approved: int
    """How many did so far."""
    broken: str
    """Why the run's record does not hold; empty where it does."""


class Finding(_Out):
    """One statement about one artifact."""

    check: str
    rule: str
    severity: str
    path: str
    line: int
    message: str
    fix: str
    requirement: str
    blocking: bool


class Said(_Out):
    """What somebody said at a gate."""

    by: str
    instead_of: str
    """The approver who delegated; empty where it is by one's own right."""
    decision: str
    at: str


class Gate(_Out):
    """One gate, with everything that a decision needs."""

    gate: str
    name: str
    spec: str
    status: str
    digest: str
    commit: str
    tree: str
    since: str
    opened_at: str
    expires_at: str | None
    reauthenticate: bool
    approvers: list[str]
    quorum: int
    """How many different approvers must approve."""
    said: list[Said]
    """What people said so far and did not take back; more than one where the quorum is."""
    compared: str
    """What the changes are from: the last approval, the last release, or nothing yet."""
    changes: list[dict[str, Any]]
    findings: list[Finding]
    evidence: list[dict[str, Any]]
    answers: list[dict[str, Any]]
    exemptions: list[dict[str, Any]]
    """Waivers that earlier gates of the run were passed with."""
    decision: dict[str, Any] | None
    cost: Cost
    by_hand: list[dict[str, Any]]
    """What people did to the run's ticket since the decision before."""
    changed: list[str]
    """What of its rules, people and branch was not as when the run began, when the gate opened."""
    moved: str
    """What it shows and is not true any more: nothing is decided on it. Empty where all is."""
    choices: dict[str, str]


class Trace(_Out):
    """From requirements to what was released of them."""

    spec: str
    run: str
    nodes: list[dict[str, Any]]
    links: list[dict[str, Any]]
    gaps: list[dict[str, Any]]


class Approval(_Out):
    """One decision of one person."""

    gate: str
    digest: str
    decision: str
    by: str
    at: str
    spec: str
    tree: str
    key_id: str
    void: bool
    released: str


class Start(_In):
    """A run to begin."""

    spec: str = Field(min_length=1, max_length=400)
    """The spec's folder, from the top of the repository; it must be in the backlog."""


class Comment(_In):
    """What has to change."""

    text: str = Field(min_length=1, max_length=10_000)
    path: str = Field("", max_length=4_000)
    line: int = Field(0, ge=0, le=10_000_000)


class Waiver(_In):
    """An exception from findings that block."""

    rules: list[Annotated[str, Field(max_length=400)]] = Field(max_length=1_000)
    owner: str = Field(max_length=400)
    reason: str = Field(max_length=10_000)
    expires: str = Field(max_length=10)


class Wish(_In):
    """A decision that a manager is about to sign."""

    decision: Literal["approve", "request-changes", "reject", "waive"]
    digest: str = Field(max_length=64)
    """The gate's digest, as it was shown."""
    comments: list[Comment] = Field([], max_length=200)
    waiver: Waiver | None = None


class Statement(Wish):
    """What is signed: this person, this decision, these bytes."""

    gate: str = Field(max_length=400)
    by: str = Field(max_length=200)
    at: int = Field(ge=0, le=2**33)
    """Seconds since 1970."""
    tree: str = Field(max_length=64)
    """Hash of the gate's tree."""
    token: str = Field(max_length=200)
    """The one-time token that came with the statement."""
    instead_of: str = Field("", max_length=200)
    """The approver who delegated, where it is not by one's own right."""


class ToSign(BaseModel):
    """A statement as it has to be signed."""

    statement: dict[str, Any]
    encoded: str
    """The bytes that the signature must be over, in base64: DSSE's encoding of the in-toto statement."""


class WithSignature(_In):
    """What a manager signed (Ed25519)."""

    key_id: str = Field(max_length=64)
    """SHA-256 of the raw public key, in hexadecimal."""
    signature: str = Field(max_length=128)
    """64 bytes, in base64."""

    @field_validator("signature")
    @classmethod
    def _decodes(cls, text: str) -> str:
        try:
            whole = len(base64.b64decode(text, validate=True)) == 64
        except (binascii.Error, ValueError) as error:
            raise ValueError("a signature is 64 bytes in base64") from error
        if not whole:
            raise ValueError("a signature is 64 bytes in base64")
        return text


class Signed(WithSignature):
    """A decision with its manager's signature."""

    statement: Statement


class Moment(_In):
    """When somebody says something; it has to be handed in within five minutes."""

    by: str = Field(max_length=200)
    at: int = Field(ge=0, le=2**33)
    """Seconds since 1970."""


class RevocationStatement(Moment):
    """A person takes back what they said at a gate."""

    gate: str = Field(max_length=400)


class SignedRevocation(WithSignature):
    """A revocation with its manager's signature."""

    statement: RevocationStatement


class Revoked(_Out):
    """What was taken back."""

    gate: str
    by: str
    at: int
    key_id: str


class Delegation(_Out):
    """Who decides for whom; the window in seconds since 1970."""

    by: str
    to: str
    begins: int = Field(alias="from")
    until: int
    gates: list[str]
    """Ids of phases; empty: all."""


class Delegate(_In):
    """A delegation to draw up, in whole days (UTC)."""

    to: str = Field(min_length=1, max_length=200)
    first: date | None = Field(None, alias="from")
    """The first day; left out: from now on."""
    until: date
    """The last day."""
    gates: list[str] = Field([], max_length=50)


class DelegationStatement(Moment):
    """A manager has another one decide for them."""

    to: str = Field(max_length=200)
    begins: int = Field(alias="from", ge=0, le=2**33)
    until: int = Field(ge=0, le=2**33)
    gates: list[str] = Field(max_length=50)


class SignedDelegation(WithSignature):
    """A delegation with its manager's signature."""

    statement: DelegationStatement


class End(_In):
    """To whom nothing is delegated any more."""

    to: str = Field(min_length=1, max_length=200)


class EndStatement(Moment):
    """A manager ends all that they delegated to another."""

    to: str = Field(max_length=200)


class SignedEnd(WithSignature):
    """An end with its manager's signature."""

    statement: EndStatement


class Ended(_Out):
    """How many delegations ended."""

    by: str
    to: str
    ended: int


class Receipt(_Out):
    """A decision that was taken."""

    gate: str
    digest: str
    decision: str
    by: str
    at: int
    key_id: str
