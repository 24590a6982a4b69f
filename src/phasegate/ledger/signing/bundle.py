"""A run's ledger as one file, which proves itself without database, repository or network: docs/provenance.md.

JSON Lines: a header, the versions of the root of trust, the run's events in order with the decisions that they tell of,
the signed head, the tree that was approved last, and the list of what was built from it. A second reader of it, on its
own, is docs/verify_bundle.py.
"""

import base64
import hashlib
import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from phasegate.core import InvalidInput, canonical, visible
from phasegate.ledger.events import DecisionTaken
from phasegate.ledger.records import Decision, Entry, Run
from phasegate.ledger.signing.dsse import STATEMENT, Envelope, seal
from phasegate.ledger.signing.intoto import RUN_LEDGER, statement
from phasegate.ledger.signing.keys import PrivateKey, PublicKey
from phasegate.ledger.signing.roots import SignedRoot

VERSION = "phasegate/v2"
_WITHOUT_ROOTS = "phasegate/v1"
LIMIT = 64 * 1024 * 1024
"""Bytes that a bundle has at most."""


class File(NamedTuple):
    """A file of a tree."""

    mode: str
    """As Git writes it, such as `100644`."""
    path: str
    blob: str
    """Git's hash of its content."""


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A parsed bundle, none of whose claims has been checked."""

    run: str
    system: PublicKey
    roots: tuple[SignedRoot, ...]
    """Versions of the repository's root, in order; none in a repository without one."""
    events: tuple[Envelope, ...]
    decisions: Mapping[int, tuple[Envelope, ...]]
    """By the number of the event that tells of them."""
    head: Envelope
    tree: str
    files: tuple[File, ...]
    """Of that tree; none where no gate was passed."""
    built: bytes
    """SHA-256 by file name, as JSON: what was built for the release. Empty where nothing was."""
    built_path: str


def write_bundle(
    run: Run,
    entries: Sequence[Entry],
    decisions: Sequence[Decision],
    *,
    roots: Sequence[SignedRoot] = (),
    tree: str,
    files: Sequence[File],
    built: tuple[str, bytes],
    system: PrivateKey,
) -> bytes:
    """The bundle's bytes.

    Args:
        run: whose.
        entries: all of its chain, in order.
        decisions: all of them, with those that were revoked.
        roots: the versions of the repository's root.
        tree: the hash of the tree that was approved last; empty: none was.
        files: of that tree.
        built: path and content of the list of what was built, in that tree; empty where there is none.
        system: signs the head.
    """
    lines: list[dict[str, Any]] = [{"bundle": VERSION, "run": run.id, "system": str(system.public)}]
    lines.append({"roots": [root.as_json() for root in roots]})
    told = {hashlib.sha256(d.statement.encoded()).hexdigest(): d for d in decisions}
    for entry in entries:
        lines.append({"event": entry.envelope(system.key_id).as_json()})
        decision = told.get(entry.event.statement) if isinstance(entry.event, DecisionTaken) else None
        if decision:
            lines.append({"decision": decision.envelope.as_json()})
    lines.append({"head": _head(run, entries, system).as_json()})
    if tree:
        lines.append({"tree": tree, "files": [list(file) for file in files]})
    if built[0]:
        lines.append({"built": built[0], "content": base64.b64encode(built[1]).decode()})
    return b"".join(canonical(line) + b"\n" for line in lines)


def _head(run: Run, entries: Sequence[Entry], system: PrivateKey) -> Envelope:
    last = entries[-1].digest.hex()
    predicate = {"run": run.id, "spec": run.spec, "status": run.status.value, "events": len(entries)}
    return seal(STATEMENT, statement(RUN_LEDGER, {run.id: {"sha256": last}}, predicate), system)


def load_bundle(file: Path) -> Bundle:
    """Reads a bundle from a file.

    Raises:
        InvalidInput: it is none, is too large, or cannot be read.
    """
    try:
        with file.open("rb") as opened:
            # One byte more than allowed tells that the file is too large, whatever its size.
            return read_bundle(opened.read(LIMIT + 1))
    except OSError as error:
        raise InvalidInput(f"'{file}' cannot be read: {error.strerror}", fix="name another file") from error


def read_bundle(content: bytes) -> Bundle:
    """Reads a bundle.

    Raises:
        InvalidInput: it is none, or something stands where it may not.
    """
    if len(content) > LIMIT:
        raise InvalidInput("the bundle is too large", fix=f"give one of at most {LIMIT:,} bytes")
    try:
        return _Reader([plain_json(line) for line in content.splitlines()]).bundle()
    except MALFORMED as error:
        raise no_bundle(error) from error


MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError, InvalidInput)
"""What reading raises where a value is missing, of another type, or too deep."""


def no_bundle(error: Exception) -> InvalidInput:
    """Return the error for a file that cannot be read as a bundle."""
    why = f"{error}" if isinstance(error, ValueError | InvalidInput) else f"{type(error).__name__} at {error}"
    return InvalidInput(
        f"this is no bundle, or not a whole one: {visible(why)[:300]}", fix="make it again: 'phasegate bundle RUN'"
    )


def plain_json(content: bytes) -> Any:
    """Reads JSON that has one reading: UTF-8, no key twice, no number that is none.

    Raises:
        ValueError: it has none.
    """
    return json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


class _Reader:
    """Takes line after line, each where it must stand."""

    def __init__(self, lines: Iterable[dict[str, Any]]) -> None:
        self._lines = deque(lines)

    def bundle(self) -> Bundle:
        header = self._take("bundle", "run", "system")
        if header["bundle"] not in (VERSION, _WITHOUT_ROOTS):
            raise ValueError(f"version {header['bundle']!r}")
        roots = self._take("roots")["roots"] if header["bundle"] == VERSION else []
        events: list[Envelope] = []
        decisions: dict[int, tuple[Envelope, ...]] = {}
        while self._next() != "head":
            if self._next() == "decision":
                said = read_envelope(self._take("decision")["decision"])
                decisions[len(events)] = (*decisions.get(len(events), ()), said)
            else:
                events.append(read_envelope(self._take("event")["event"]))
        head = read_envelope(self._take("head")["head"])
        tree = self._take("tree", "files") if self._next() == "tree" else {"tree": "", "files": []}
        built = self._take("built", "content") if self._next() == "built" else {"built": "", "content": ""}
        if self._lines:
            raise ValueError(f"{len(self._lines)} line(s) after the end")
        return Bundle(
            run=str(header["run"]),
            system=PublicKey.parse(header["system"]),
            roots=tuple(map(SignedRoot.of_json, roots)),
            events=tuple(events),
            decisions=decisions,
            head=head,
            tree=str(tree["tree"]),
            files=tuple(File(*map(str, row)) for row in tree["files"]),
            built=base64.b64decode(built["content"], validate=True),
            built_path=str(built["built"]),
        )

    def _next(self) -> str:
        return next((name for name in ("head", "decision", "tree", "built") if name in self._first()), "event")

    def _first(self) -> dict[str, Any]:
        return self._lines[0] if self._lines else {}

    def _take(self, *names: str) -> dict[str, Any]:
        line = self._lines.popleft()
        # No key more than these: what one reader shows and the other passes over could tell people something that
        # nobody signed.
        if not isinstance(line, dict) or sorted(line) != sorted(names):
            raise ValueError(f"a line with {', '.join(names)} was expected")
        return line


def read_envelope(body: Any) -> Envelope:
    """Reads an envelope as DSSE writes it.

    Raises:
        ValueError: there is more or less in it than belongs there.
    """
    (signature,) = body["signatures"]
    if sorted(body) != ["payload", "payloadType", "signatures"] or sorted(signature) != ["keyid", "sig"]:
        raise ValueError("an envelope with more in it than its own")
    return Envelope(
        kind=str(body["payloadType"]),
        payload=base64.b64decode(body["payload"], validate=True),
        key_id=str(signature["keyid"]),
        signature=base64.b64decode(signature["sig"], validate=True),
    )


def git_tree(files: Sequence[File]) -> str:
    """The hash that Git gives a tree of these files."""
    below: dict[str, list[File]] = {}
    rows: list[tuple[bytes, bytes]] = []
    for mode, path, blob in files:
        name, _, rest = path.partition("/")
        if rest:
            below.setdefault(name, []).append(File(mode, rest, blob))
        else:
            rows.append((name.encode(), f"{mode} {name}\0".encode() + bytes.fromhex(blob)))
    for name, inside in below.items():
        # Git sorts a folder as if its name ended in a slash.
        rows.append((f"{name}/".encode(), f"40000 {name}\0".encode() + bytes.fromhex(git_tree(inside))))
    content = b"".join(row for _, row in sorted(rows))
    return hashlib.sha1(b"tree %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def git_blob(content: bytes) -> str:
    """The hash that Git gives a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
