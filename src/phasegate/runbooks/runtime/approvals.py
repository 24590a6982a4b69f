"""Approvals: signed by a person, bound to single findings as they were, good for one use.

An approval is a DSSE envelope (payload and Ed25519 signature) over what `statement` gives: the runbook, its parameters
and actions, each approved finding with the digest of its evidence, and the failed calls that were known and accepted.
"""

import base64
import hashlib
import json
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .dates import moment
from .errors import Prerequisite, Refused
from .runbook import set_digest

PAYLOAD_TYPE = "application/vnd.phasegate.approval+json"
_SECURITY_KEY = "sk-ssh-ed25519@openssh.com"
_PLACE = ("account", "region", "id")
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{4,100}")


@dataclass(frozen=True, kw_only=True)
class Item:
    """An approved finding."""

    account: str
    region: str
    id: str


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Signed approval by a person."""

    id: str
    runbook: str
    digest: str
    """Digest of the approved set, as `Report.digest` gives it: of runbook, parameters, actions and items."""
    items: Mapping[str, Item]
    """By the digest of the finding, as `Finding.digest` gives it; empty where it is for the set as a whole."""
    gaps: frozenset[tuple[str, str, str, str]]
    """Account, region, call and code of the failed calls that the approver knew of."""
    approver: str
    expires: datetime
    struck: frozenset[tuple[str, str, str]] = frozenset()
    """Account, region and id of findings that the approver saw and left out."""
    max_changes: int | None = None
    """More findings than this are refused as a whole; None: the guard's own maximum alone counts."""


def statement(
    report: Mapping[str, Any],
    *,
    id_: str,
    approver: str,
    expires: datetime,
    strike: Collection[str] = (),
    max_changes: int | None = None,
    reason: str = "",
) -> dict[str, Any]:
    """Return the statement to sign to approve matches of a report.

    It can only narrow what was found: nothing that the report does not list as a match is in it.

    Args:
        report: As `Report.document` writes it.
        id_: Of the approval.
        approver: Their name.
        expires: When it ends.
        strike: Digests of the matches that are left out.
        max_changes: More findings than this are not changed, even where all of them are approved.
        reason: Of the approver, for whoever reads it later.
    """
    matches = [finding for finding in report["findings"] if finding["verdict"] == "match"]
    kept = [finding for finding in matches if finding["digest"] not in strike]
    narrower: dict[str, Any] = {
        "struck": [{name: f[name] for name in _PLACE} for f in matches if f["digest"] in strike],
        "max_changes": max_changes,
        "reason": reason,
    }
    return {
        **{name: value for name, value in narrower.items() if value not in (None, "", [])},
        "id": id_,
        "runbook": report["runbook"],
        "digest": report["digest"] if kept == matches else _digest(report, kept),
        "items": [{name: finding[name] for name in (*_PLACE, "digest")} for finding in kept],
        "gaps": [{name: error[name] for name in ("account", "region", "call", "code")} for error in report["errors"]],
        "approver": approver,
        "expires": expires.isoformat(),
    }


def _digest(report: Mapping[str, Any], kept: Sequence[Mapping[str, Any]]) -> str:
    return set_digest(report["runbook"], report["params"], report["actions"], [finding["digest"] for finding in kept])


def pae(payload: bytes) -> bytes:
    """The bytes that are signed: DSSE's pre-authentication encoding of the payload."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def envelope(signed: Mapping[str, Any], sign: Callable[[bytes], bytes]) -> bytes:
    """Return the approval file for a statement.

    `sign` gives the raw Ed25519 signature of the approver's key.
    """
    payload = json.dumps(signed, sort_keys=True, default=str).encode()
    signature = {"keyid": signed["approver"], "sig": base64.b64encode(sign(pae(payload))).decode()}
    document = {"payloadType": PAYLOAD_TYPE, "payload": base64.b64encode(payload).decode(), "signatures": [signature]}
    return json.dumps(document, indent=2).encode()


def verified(document: bytes, approvers: Path | Mapping[str, str], now: datetime) -> Approval:
    """The approval, once its signature, its approver and its expiry hold.

    Args:
        document: the approval file.
        approvers: keys by name, as `trusted_approvers` gives them, or a file whose list the caller vouches for.
        now: when.

    Raises:
        Refused: they do not; `reason` says which.
        Prerequisite: the package `cryptography` is not installed.
    """
    try:
        outer = json.loads(document)
        payload = base64.b64decode(outer["payload"], validate=True)
        signature = base64.b64decode(outer["signatures"][0]["sig"], validate=True)
        approval = _approval(json.loads(payload))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Refused(f"the approval cannot be read: {error}", reason="bad-approval") from error
    if outer.get("payloadType") != PAYLOAD_TYPE:
        raise Refused(f"the file is of type {outer.get('payloadType')!r}, no approval", reason="bad-approval")
    # Until here the payload has only said whose key to look for; what it grants counts from here on.
    _verify(_key_of(approval.approver, approvers), signature, pae(payload))
    if now >= approval.expires:
        raise Refused(f"the approval expired at {approval.expires.isoformat()}", reason="expired")
    return approval


def consume(approval: Approval, state: Path) -> None:
    """Mark the approval as used, before anything changes.

    Raises:
        Refused: it was used before, here.
        OSError: the mark cannot be written; then nothing must be changed.
    """
    state.mkdir(parents=True, exist_ok=True)
    try:
        # Exclusive creation lets the file system judge: of two processes at once, one is refused.
        mark = os.open(state / approval.id, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError as error:
        raise Refused(f"the approval {approval.id} was used before; ask for a new one", reason="consumed") from error
    with os.fdopen(mark, "w", encoding="utf-8") as file:
        file.write(approval.digest)
        file.flush()
        os.fsync(file.fileno())


def _approval(signed: Mapping[str, Any]) -> Approval:
    expires = moment(signed["expires"])
    if expires is None or not _SAFE_ID.fullmatch(signed["id"]):
        raise ValueError("its id or its expiry is not well-formed")
    listed = signed.get("items", ())
    items = {str(e["digest"]): Item(account=e["account"], region=e["region"], id=e["id"]) for e in listed}
    return Approval(
        id=signed["id"],
        runbook=str(signed["runbook"]),
        digest=str(signed["digest"]),
        items=items,
        gaps=frozenset((e["account"], e["region"], e["call"], e["code"]) for e in signed.get("gaps", ())),
        approver=str(signed["approver"]),
        expires=expires,
        struck=frozenset((e["account"], e["region"], e["id"]) for e in signed.get("struck", ())),
        max_changes=int(signed["max_changes"]) if "max_changes" in signed else None,
    )


def _key_of(name: str, approvers: Path | Mapping[str, str]) -> str:
    keys = _listed(approvers) if isinstance(approvers, Path) else approvers
    if name not in keys:
        raise Refused(f"{name!r} is not among the approvers of this package", reason="unknown-approver")
    return keys[name]


def _listed(approvers: Path) -> Mapping[str, str]:
    try:
        listed = json.loads(approvers.read_text(encoding="utf-8"))["approvers"]
        return {entry["name"]: str(entry["public_key"]) for entry in listed}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{approvers} lists no approvers: {error}", reason="unknown-approver") from error


def _public(text: str, message: bytes, signature: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the raw key of an approver, and what it signed with which 64 bytes.

    A security key's signature ends in flags and a counter; it signed these with digests of its application and of the
    message, after a touch.

    Raises:
        ValueError: The key is none, or was not touched.
    """
    kind, _, rest = text.rpartition(" ")
    blob = base64.b64decode(rest, validate=True)
    if not kind:
        return blob, message, signature
    parts: list[bytes] = []
    while blob:
        size = int.from_bytes(blob[:4], "big")
        parts, blob = [*parts, blob[4 : 4 + size]], blob[4 + size :]
    if kind != _SECURITY_KEY or len(parts) != 3 or len(signature) != 69 or not signature[64] & 1:
        raise ValueError("no signature of a security key that was touched")
    of, what = (hashlib.sha256(part).digest() for part in (parts[2], message))
    return parts[1], of + signature[64:] + what, signature[:64]


def _verify(text: str, signature: bytes, message: bytes) -> None:
    if not verify_signature(text, signature, message):
        raise Refused("the signature of the approval does not hold", reason="bad-signature")


def verify_signature(text: str, signature: bytes, message: bytes) -> bool:
    """Return whether the key, as a package lists it, signed the message.

    Raises:
        Prerequisite: the package `cryptography` is not installed.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise Prerequisite(
            "an approval is verified with the package cryptography: install the extra `apply`"
        ) from error
    try:
        key, message, signature = _public(text, message, signature)
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
