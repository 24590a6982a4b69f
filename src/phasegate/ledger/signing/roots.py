"""The signed root: who may decide and under which rules, in one versioned statement.

The model is the rotation of TUF's root role: the first version is signed by a manager that it names, each later one by
as many managers of the version before as that version's threshold says. Everything that decides or verifies reads the
root, and not the working files that it was made from.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from phasegate.core import InvalidInput, digest
from phasegate.ledger.signing.dsse import STATEMENT, pae
from phasegate.ledger.signing.intoto import TRUST_ROOT, TYPE, statement
from phasegate.ledger.signing.keys import PublicKey, Signer

THRESHOLD = "trust.threshold"
MANAGERS = "managers"
_FIELDS = ("version", "repository", "before", "at", "settings", "files", "phases", "rules", "system")


@dataclass(frozen=True, kw_only=True)
class Root:
    """Version of the root."""

    version: int
    """Counts from 1."""
    repository: str
    """Random id of the repository, the same in every version."""
    before: str
    """SHA-256 of the version before; empty in the first."""
    at: int
    """When it was made, in seconds since 1970."""
    settings: Mapping[str, Any]
    """Keys of `phasegate.toml` that decide, such as `managers` and `work.flow`, with their values."""
    files: Mapping[str, str]
    """Texts of the workflow in use, and of the repository's other workflows and its policies, by path."""
    phases: tuple[str, ...]
    """Ids of the phases of the workflow in use."""
    rules: Mapping[str, Mapping[str, Any]]
    """Rules of its gates, by phase."""
    system: tuple[str, ...]
    """Public keys of the system that may sign events, in base64."""

    @property
    def threshold(self) -> int:
        """Number of this version's managers who have to sign the next one."""
        return int(self.settings[THRESHOLD])

    @cached_property
    def managers(self) -> dict[str, PublicKey]:
        """Keys of the managers, by name."""
        return {row["name"]: PublicKey.parse(row["public_key"]) for row in self.settings[MANAGERS]}

    @property
    def policies_alone(self) -> bool:
        """Return whether this is a demonstration in which nobody is a manager, so that its policy decides."""
        return bool(self.settings["demo"]) and not self.settings[MANAGERS]

    @property
    def signers(self) -> dict[str, PublicKey]:
        """Keys that may sign this version where it is the first, by name.

        A demonstration without a person is signed by its system's key, and nothing can follow it.
        """
        if self.policies_alone:
            return {f"system {place}": PublicKey.parse(key) for place, key in enumerate(self.system, start=1)}
        return self.managers

    def encoded(self) -> bytes:
        """Return the in-toto statement: the payload of the envelope."""
        predicate = {name: getattr(self, name) for name in _FIELDS}
        predicate["phases"], predicate["system"] = list(self.phases), list(self.system)
        return statement(TRUST_ROOT, {f"roots/{self.version}": {"sha256": digest(predicate)}}, predicate)

    @classmethod
    def decoded(cls, payload: bytes) -> Self:
        """Read the root of a statement.

        Raises:
            InvalidInput: It is none, or not in the one form in which it is written.
        """
        try:
            said = json.loads(payload)
            if (said["_type"], said["predicateType"]) != (TYPE, TRUST_ROOT):
                raise ValueError("another kind of statement")
            body = said["predicate"]
            read = cls(**{**body, "phases": tuple(body["phases"]), "system": tuple(body["system"])})
            if read.encoded() != payload:
                raise ValueError("it is not in canonical form")
            if len({key.key_id for key in read.managers.values()}) < len(read.settings[MANAGERS]):
                raise ValueError("two managers have one name or key")
            if not 1 <= read.threshold <= max(len(read.managers), read.policies_alone):
                raise ValueError("its threshold cannot be reached")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InvalidInput(f"this is no root: {error}", fix="take the file from a copy that holds") from error
        return read


@dataclass(frozen=True)
class SignedRoot:
    """A root with the signatures under it."""

    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]
    """Ids of keys, each with the 64 bytes of its signature."""

    @cached_property
    def root(self) -> Root:
        """The root itself.

        Raises:
            InvalidInput: the payload is none.
        """
        return Root.decoded(self.payload)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the payload, which for the first version is the fingerprint of the repository's root."""
        return digest(self.payload)

    def signed_by(self, managers: Mapping[str, PublicKey]) -> list[str]:
        """Return the names of those managers whose signature it has, each key once."""
        by_id = {key.key_id: name for name, key in managers.items()}
        keys = {key.key_id: key for key in managers.values()}
        message = pae(STATEMENT, self.payload)
        held = {id_ for id_, signature in self.signatures if id_ in keys and keys[id_].verifies(message, signature)}
        return sorted(by_id[id_] for id_ in held)

    def with_signature(self, signer: Signer) -> "SignedRoot":
        """Return it with one more signature."""
        others = tuple(each for each in self.signatures if each[0] != signer.key_id)
        return SignedRoot(self.payload, (*others, (signer.key_id, signer.sign(pae(STATEMENT, self.payload)))))

    def as_json(self) -> dict[str, Any]:
        """Return the envelope in DSSE's JSON."""
        return {
            "payloadType": STATEMENT,
            "payload": base64.b64encode(self.payload).decode(),
            "signatures": [{"keyid": id_, "sig": base64.b64encode(sig).decode()} for id_, sig in self.signatures],
        }

    @classmethod
    def of_json(cls, body: Any) -> "SignedRoot":
        """Read an envelope.

        Raises:
            ValueError: It is none.
        """
        if sorted(body) != ["payload", "payloadType", "signatures"] or body["payloadType"] != STATEMENT:
            raise ValueError("this is no envelope of a root")
        signatures = tuple(
            (str(row["keyid"]), base64.b64decode(row["sig"], validate=True)) for row in body["signatures"]
        )
        return cls(base64.b64decode(body["payload"], validate=True), signatures)


def sign_root(root: Root, signer: Signer) -> SignedRoot:
    """Return the root under one signature."""
    return SignedRoot(root.encoded(), ()).with_signature(signer)


@dataclass(frozen=True)
class Chain:
    """All versions of a repository's root, each signed by those who may make it from the one before."""

    versions: tuple[SignedRoot, ...] = ()
    pending: SignedRoot | None = None
    """The next version, which fewer managers have signed than the threshold asks for."""
    wrong: str = ""
    """Reason why what follows the versions does not count, or empty where nothing follows."""

    @property
    def newest(self) -> SignedRoot | None:
        """The version that counts."""
        return self.versions[-1] if self.versions else None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the first version, by which a person knows the root, or an empty string."""
        return self.versions[0].digest if self.versions else ""

    @property
    def digests(self) -> tuple[str, ...]:
        """Digests of the versions, in order."""
        return tuple(version.digest for version in self.versions)

    def begins(self, other: "Chain") -> bool:
        """Return whether the other has all of these versions first."""
        return other.digests[: len(self.versions)] == self.digests


def follow(signed: Iterable[SignedRoot]) -> Chain:
    """Return the chain of these versions, up to the first that does not follow from the one before."""
    versions: list[SignedRoot] = []
    rest = list(signed)
    for place, each in enumerate(rest):
        wrong, missing = _objection(versions, each)
        if wrong:
            return Chain(tuple(versions), wrong=wrong)
        if missing:
            last = place == len(rest) - 1
            return Chain(tuple(versions), each) if last else Chain(tuple(versions), wrong=missing)
        versions.append(each)
    return Chain(tuple(versions))


def _objection(versions: Sequence[SignedRoot], each: SignedRoot) -> tuple[str, str]:
    """Return why a version does not follow, and why it does not count yet, as empty strings where it does."""
    before = versions[-1] if versions else None
    try:
        root = each.root
    except InvalidInput as error:
        return str(error), ""
    name = f"version {root.version}"
    expected = (len(versions) + 1, before.digest if before else "")
    if (root.version, root.before) != expected or (before and root.repository != before.root.repository):
        return f"{name} does not follow from the one before", ""
    # The first version can be signed by nobody but those whom it names. Later ones need those whom a version before
    # named, so that nobody makes themselves a manager.
    names = each.signed_by(before.root.managers if before else root.signers)
    needed = before.root.threshold if before else root.threshold
    if len(names) < needed:
        return "", f"{name} is signed by {', '.join(names) or 'no manager'}, and {needed} have to sign it"
    return "", ""
