"""A key in memory, and the mandate by which it signs: for one person, for a while, one statement or gate decisions.

What is signed is read here first, by a reader of its own: whoever hands a statement in does not say what it is.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.keyholder.hardening import LockedPage

GATE_DECISION = "https://phasegate.dev/gate-approval/v1"
_IN_TOTO, _STATEMENT = "application/vnd.in-toto+json", "https://in-toto.io/Statement/v1"
_ENVELOPE = re.compile(rb"DSSEv1 (\d{1,4}) ([!-~]+) (\d{1,9}) (.*)", re.DOTALL)
_SIGNERS = ("by", "approver")
_SHOWN = ("gate", "decision", "digest", "instead_of", "to", "server", "run", "role", "runbook", "version", "expires")
_WIDTH = 200


class NotSignedError(Exception):
    """Refusal of a key to sign, with a reason and a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        """Take the reason and a sentence."""
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Content of a statement, as the holder of the key reads it."""

    kind: str
    """Predicate of an in-toto statement, or type of another payload."""
    by: str
    """Who says it; empty where the statement names nobody."""
    sha256: str
    """Of the payload."""
    fields: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        said = " ".join(f"{name}={value}" for name, value in self.fields.items())
        return f"{self.kind} by={self.by} {said} sha256={self.sha256}"


@dataclass(frozen=True, kw_only=True)
class Mandate:
    """Limits of what a key signs before it is forgotten."""

    by: str
    """The manager, in whose name alone it signs."""
    seconds: float
    """For how long; the time that the machine sleeps counts."""
    statements: int = 1
    """How many, of any kind."""
    only_decisions: bool = False
    """Whether it signs decisions at gates alone, as many as there are."""


def read_statement(message: bytes) -> Shown:
    """Read the bytes that are to be signed.

    Raises:
        NotSignedError: They are no DSSE encoding of a JSON object with one reading.
    """
    match = _ENVELOPE.fullmatch(message)
    if match is None or len(match[2]) != int(match[1]) or len(match[4]) != int(match[3]):
        raise NotSignedError("no_statement", "these bytes are no statement")
    payload, kind = _object(match[4]), match[2].decode("ascii")
    said = payload
    if kind == _IN_TOTO:
        kind, said = _predicate(payload)
    return Shown(
        kind=kind,
        by=next((said[name] for name in _SIGNERS if isinstance(said.get(name), str)), ""),
        sha256=hashlib.sha256(match[4]).hexdigest(),
        fields={name: str(said[name])[:_WIDTH] for name in _SHOWN if isinstance(said.get(name), str | int)},
    )


def _predicate(payload: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    kind, said = payload.get("predicateType"), payload.get("predicate")
    if payload.get("_type") != _STATEMENT or not isinstance(kind, str) or not isinstance(said, dict):
        raise NotSignedError("no_statement", "these bytes are no in-toto statement")
    return kind, said


def _object(payload: bytes) -> dict[str, Any]:
    try:
        found = json.loads(payload.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise NotSignedError("no_statement", "the statement is no JSON with one reading") from error
    if not isinstance(found, dict):
        raise NotSignedError("no_statement", "the statement is no JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def time_awake_or_asleep() -> float:
    """Return seconds since the machine started, with those in which it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Custody:
    """A key under a mandate."""

    def __init__(
        self, key: Ed25519PrivateKey, mandate: Mandate, seconds: Callable[[], float] = time_awake_or_asleep
    ) -> None:
        """Copy the key into a page of its own, and start its time."""
        self._page = LockedPage(key.private_bytes_raw())
        self.public = key.public_key().public_bytes_raw()
        self._mandate, self._seconds = mandate, seconds
        self._ends = seconds() + mandate.seconds
        self._signed = 0
        self.is_over = False

    @property
    def is_locked(self) -> bool:
        """Return whether the key's page stays out of the swap."""
        return self._page.is_locked

    @property
    def signs_on(self) -> bool:
        """Return whether a refusal leaves the key held, instead of having it forgotten."""
        return self._mandate.only_decisions

    def left(self) -> float:
        """Return the seconds until the key is forgotten, and forget it where they are over."""
        left = 0.0 if self.is_over else max(0.0, self._ends - self._seconds())
        if not left:
            self.forget()
        return left

    def show(self, message: bytes) -> Shown:
        """Read a statement, and hold it against the mandate.

        Raises:
            NotSignedError: `forgotten`, `no_statement`, `another_person` or `another_kind`.
        """
        if not self.left():
            raise NotSignedError("forgotten", "the key is forgotten")
        shown = read_statement(message)
        if shown.by not in ("", self._mandate.by):
            raise NotSignedError("another_person", f"the key is {self._mandate.by}'s, and {shown.by} says this")
        if self._mandate.only_decisions and (shown.kind != GATE_DECISION or not shown.by):
            raise NotSignedError("another_kind", f"the key was unlocked for decisions at gates, not for {shown.kind}")
        return shown

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a statement, and forget the key where that was the last of its mandate.

        Raises:
            NotSignedError: See `show`.
        """
        self.show(message)
        with self._page.view() as seed:
            signature = Ed25519PrivateKey.from_private_bytes(seed).sign(message)
        self._signed += 1
        if self._signed >= self._mandate.statements and not self._mandate.only_decisions:
            self.forget()
        return signature

    def forget(self) -> None:
        """Overwrite the key."""
        self._page.wipe()
        self.is_over = True
