"""Requests of the API, its errors and its lists, beside the read models of `phasegate.reports`."""

import base64
import binascii
from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from phasegate.keyholder import SIGNED_BYTES
from phasegate.reports.findings import Finding

T = TypeVar("T")


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Problem(_In):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    reason: str
    """Machine-readable, such as `stale_digest`."""
    detail: str
    fix: str
    """What to do next."""
    findings: list[Finding]


class Listing(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None
    """Cursor of the part after this one; null where there is none."""


class Start(_In):
    """A run to begin."""

    spec: str = Field(min_length=1, max_length=400)
    """The spec's folder, from the top of the repository; it must be in the backlog."""


class Scan(_In):
    """A scan to begin, as the runbook has it where something is left out."""

    version: str = Field("", max_length=100)
    """A release; empty: the newest that has the runbook."""
    regions: list[Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$")]] = Field([], max_length=60)
    except_regions: list[Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$")]] = Field([], max_length=60)
    accounts: str = Field("", pattern=r"^(current|organization|[0-9]{12}(,[0-9]{12})*)?$", max_length=20_000)
    """`current`, `organization`, or ids with commas."""
    params: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")], Any] = Field({}, max_length=50)
    """Parameters that override the runbook's."""
    as_of: datetime | None = None
    """The time to judge by."""


class Mark(_In):
    """A person's word about a finding."""

    state: Literal["waived", "false-positive"]
    reason: str = Field(min_length=1, max_length=1_000)
    until: datetime | None = None
    """When a waiver ends; null: it does not."""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        """Refuse times without a zone, and an end of what has none."""
        if self.until and (self.state != "waived" or self.until.tzinfo is None):
            raise ValueError("'until' is the end of a waiver, with a time zone")
        return self


class Comment(_In):
    """A requested change."""

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


class GivenAnswer(_In):
    """An answer to an open question of the gate."""

    question: int = Field(ge=1, le=10_000)
    """Its `number`."""
    text: str = Field(min_length=1, max_length=10_000)


class AnsweringWish(Wish):
    """A decision to draw up, with answers that become comments of its statement."""

    answers: list[GivenAnswer] = Field([], max_length=200)
    """With `request-changes` alone."""


class Statement(Wish):
    """The signed statement of a decision: person, kind and bytes."""

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
    head: str = Field("", max_length=64)
    """SHA-256 of the run's newest event, as it came with the statement."""


class ToSign(BaseModel):
    """A statement as it has to be signed."""

    statement: dict[str, Any]
    encoded: str
    """The bytes that the signature must be over, in base64: DSSE's encoding of the in-toto statement."""


class WithSignature(_In):
    """An Ed25519 signature of a manager."""

    key_id: str = Field(max_length=64)
    """SHA-256 of the raw public key, in hexadecimal."""
    signature: str = Field(max_length=128)
    """64 bytes, or 69 of a security key, in base64."""

    @field_validator("signature")
    @classmethod
    def _decodes(cls, text: str) -> str:
        try:
            whole = len(base64.b64decode(text, validate=True)) in (64, SIGNED_BYTES)
        except (binascii.Error, ValueError) as error:
            raise ValueError("a signature is 64 bytes in base64") from error
        if not whole:
            raise ValueError("a signature is 64 bytes in base64")
        return text


class Signed(WithSignature):
    """A decision with its manager's signature."""

    statement: Statement


class HeldWork(_In):
    """An order that the caller took."""

    lease: str = Field(min_length=16, max_length=100)
    """The lease that came with the order."""


class HandIn(HeldWork):
    """An answer to an order."""

    answer: dict[str, Any]
    """Of the schema that came with the order."""


class Moment(_In):
    """Time of a statement, which has to be handed in within five minutes."""

    by: str = Field(max_length=200)
    at: int = Field(ge=0, le=2**33)
    """Seconds since 1970."""


class RevocationStatement(Moment):
    """A person takes back what they said at a gate."""

    gate: str = Field(max_length=400)


class SignedRevocation(WithSignature):
    """A revocation with its manager's signature."""

    statement: RevocationStatement


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


After = Annotated[str, Query(max_length=400, description="`next` of the part before")]
Limit = Annotated[int, Query(ge=1, le=200)]
