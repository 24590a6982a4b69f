"""The package's chain of signed roots: whose approval counts, judged by one fingerprint that is known from elsewhere.

The first version is signed by those whom it names, each later one by as many managers of the version before as that
version's threshold says. What the package lists beside the chain counts for nothing here.
"""

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .approvals import verify_signature
from .errors import Refused

_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_KIND = "https://phasegate.dev/trust-root/v1"


@dataclass(frozen=True, kw_only=True)
class KnownRoot:
    """Root of a package as it was seen on this machine."""

    fingerprint: str
    """SHA-256 of its first version."""
    version: int
    """Number of the newest version that was seen."""
    digest: str
    """SHA-256 of that version."""


@dataclass(frozen=True, kw_only=True)
class _Version:
    digest: str
    body: Mapping[str, Any]

    @property
    def managers(self) -> dict[str, str]:
        return {str(row["name"]): str(row["public_key"]) for row in self.body["settings"]["managers"]}

    @property
    def signers(self) -> Mapping[str, str]:
        """Keys that may sign this version where it is the first, the system's in a demonstration without a manager."""
        alone = self.body["settings"]["demo"] and not self.managers
        return {key: key for key in self.body["system"]} if alone else self.managers

    @property
    def threshold(self) -> int:
        return int(self.body["settings"]["trust.threshold"])


def trusted_approvers(file: Path, given: str, pin: Path) -> Mapping[str, str]:
    """Return the keys of those whose approval counts, by name, and remember the root.

    Args:
        file: the package's `approvers.json`.
        given: the fingerprint of its root, as a manager told it; empty: the one that is remembered counts.
        pin: the file that remembers it.

    Raises:
        Refused: `root-unknown`, where none is given or remembered; `root-refused`, where the package's is another one,
            does not hold, or is older than one that was seen.
    """
    versions, pinned = _versions(file), _pinned(pin)
    found, wanted = versions[0].digest, given.removeprefix("SHA256:").lower() or (pinned.fingerprint if pinned else "")
    if not wanted:
        raise Refused(
            f"the root of this package is not known here: {found}; compare it with what a manager tells you, and give"
            f" it once: --root {found}",
            reason="root-unknown",
        )
    for known in filter(None, (wanted, pinned and pinned.fingerprint)):
        if known != found:
            raise _refused(f"it is {found}, and the one known here is {known}")
    if pinned and (len(versions) < pinned.version or versions[pinned.version - 1].digest != pinned.digest):
        raise _refused(f"version {pinned.version} was seen here, which is not in it; '{pin}' remembers it")
    _remember(pin, KnownRoot(fingerprint=found, version=len(versions), digest=versions[-1].digest))
    return versions[-1].managers


def _versions(file: Path) -> Sequence[_Version]:
    try:
        envelopes = json.loads(file.read_bytes())["roots"]
        versions: list[_Version] = []
        for envelope in envelopes:
            versions.append(_following(envelope, versions[-1] if versions else None, len(versions) + 1))
        if not versions:
            raise ValueError("there is none")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _refused(f"{file} has no chain of roots that holds: {error}") from error
    return versions


def _following(envelope: Mapping[str, Any], before: _Version | None, number: int) -> _Version:
    """Read a version.

    Raises:
        ValueError: it does not follow from the one before, or too few have signed it.
    """
    payload = base64.b64decode(envelope["payload"], validate=True)
    said = json.loads(payload)
    version = _Version(digest=hashlib.sha256(payload).hexdigest(), body=said["predicate"])
    if envelope["payloadType"] != _PAYLOAD_TYPE or said["predicateType"] != _KIND or _canonical(said) != payload:
        raise ValueError(f"version {number} is no root")
    expected = (number, before.digest, before.body["repository"]) if before else (1, "", version.body["repository"])
    if (version.body["version"], version.body["before"], version.body["repository"]) != expected:
        raise ValueError(f"version {number} does not follow from the one before")
    rows, keys = version.body["settings"]["managers"], version.managers.values()
    if not len(rows) == len(keys) == len(set(map(_key_id, keys))) or version.threshold < 1:
        raise ValueError(f"version {number} names a person or a key twice, or needs nobody's signature")
    judge = before.managers if before else version.signers
    signed, needed = _signed_by(envelope, payload, judge), (before or version).threshold
    if len(signed) < needed:
        raise ValueError(f"version {number} is signed by {len(signed)}, and {needed} have to sign it")
    return version


def _signed_by(envelope: Mapping[str, Any], payload: bytes, keys: Mapping[str, str]) -> set[str]:
    kind = _PAYLOAD_TYPE.encode()
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    texts = {_key_id(text): text for text in keys.values()}
    given = {row["keyid"]: base64.b64decode(row["sig"], validate=True) for row in envelope["signatures"]}
    return {id_ for id_, text in texts.items() if id_ in given and verify_signature(text, given[id_], message)}


def _key_id(text: str) -> str:
    return hashlib.sha256(base64.b64decode(text.rpartition(" ")[2], validate=True)).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _pinned(pin: Path) -> KnownRoot | None:
    try:
        return KnownRoot(**json.loads(pin.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise _refused(f"'{pin}' cannot be read: {error}; remove it, and give --root as a manager tells it") from error


def _remember(pin: Path, known: KnownRoot) -> None:
    pin.parent.mkdir(parents=True, exist_ok=True)
    part = pin.with_name(f".{pin.name}.{os.getpid()}")
    part.write_text(json.dumps(asdict(known)), encoding="utf-8")
    part.replace(pin)


def _refused(wrong: str) -> Refused:
    return Refused(f"the root of this package is not to be trusted: {wrong}", reason="root-refused")
