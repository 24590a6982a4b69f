"""Proof of a bundle: each claim recomputed from its bytes and the managers' public keys alone."""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from phasegate.core import digest
from phasegate.ledger.events import (
    VERSION,
    CheckReported,
    DecisionTaken,
    Event,
    GateOpened,
    GateVoided,
    RunEnded,
    parse_key,
)
from phasegate.ledger.signing.bundle import MALFORMED, Bundle, git_blob, git_tree, no_bundle, plain_json, read_envelope
from phasegate.ledger.signing.claims import Claim
from phasegate.ledger.signing.dsse import EVENT, STATEMENT, Envelope
from phasegate.ledger.signing.intoto import DELEGATION, GATE_APPROVAL, RUN_LEDGER, TYPE
from phasegate.ledger.signing.people import Known, People

POLICY = "policy:"


class Told(NamedTuple):
    """An event of the bundle, of which nothing but the key was parsed, since anybody may have written it."""

    seq: int
    at: Any
    before: str
    kind: str
    named: Mapping[str, str]
    """Fields that the key names."""
    body: Any

    @property
    def gate(self) -> str:
        """`phase/attempt`."""
        return f"{self.named.get('phase')}/{self.named.get('attempt')}"

    @property
    def by(self) -> str:
        """The decider."""
        return self.named.get("by", "")

    @property
    def passes(self) -> bool:
        """Return whether it is a decision with which a run goes on."""
        return self.body["decision"] in ("approve", "waive")


class Passed(NamedTuple):
    """A gate that was passed, as the bundle tells."""

    binds: dict[str, Any]
    by: tuple[str, ...]
    wrong: str
    """Why it does not count; empty where it does."""
    statements: tuple[str, ...]
    """Digests of what was signed."""


def prove(
    bundle: Bundle,
    managers: People,
    artifacts: Mapping[str, bytes] | None = None,
    *,
    policies: bool = False,
) -> list[Claim]:
    """Return every claim of a bundle, failed where it does not hold or cannot be read.

    Args:
        bundle: what was read.
        managers: keys of the people who may decide, as they published them, with their names.
        artifacts: wheel and sdist by file name, where they are at hand.
        policies: whether a gate may have been passed by a policy instead of a person.
    """
    try:
        return _claims(bundle, managers, artifacts or {}, policies=policies)
    except (*MALFORMED, zipfile.BadZipFile) as error:
        return [Claim(text="the bundle can be read", holds=False, detail=str(no_bundle(error)))]


def _claims(bundle: Bundle, managers: People, artifacts: Mapping[str, bytes], *, policies: bool) -> list[Claim]:
    told, broken = _chain(bundle)
    claims = [broken, _head(bundle, told)]
    # Every other claim is read from the events: where these do not hold, nothing that they tell is worth a line.
    if not all(claim.holds for claim in claims):
        return claims
    gates = _Gates(bundle, told, managers, policies=policies)
    claims += list(gates.claims())
    return [*claims, *_release(bundle, told, gates, artifacts)]


def _chain(bundle: Bundle) -> tuple[list[Told], Claim]:
    told: list[Told] = []
    before, wrong = "", "" if bundle.events else "there are no events"
    for number, envelope in enumerate(bundle.events, start=1):
        if not (envelope.kind == EVENT and envelope.holds(bundle.system)):
            wrong = f"event {number} is not signed by the system's key"
            break
        body = plain_json(envelope.payload)
        if (body.get("run"), body.get("seq"), body.get("before")) != (bundle.run, number, before):
            wrong = f"event {number} does not follow from the one before"
            break
        if body.get("version") != VERSION:
            wrong = f"event {number} is not of version {VERSION}, which this Phasegate reads"
            break
        told.append(Told(number, body.get("at"), before, *parse_key(body["key"]), body.get("body")))
        before = hashlib.sha256(envelope.payload).hexdigest()
    text = "the events are whole, in order and signed"
    return told, Claim(text=text, holds=not wrong, detail=wrong or f"{len(told)} events")


def _head(bundle: Bundle, told: Sequence[Told]) -> Claim:
    said = _statement(bundle.head, RUN_LEDGER) if bundle.head.holds(bundle.system) else None
    last = hashlib.sha256(bundle.events[-1].payload).hexdigest() if bundle.events else ""
    holds = bool(
        said
        and said["subject"] == [{"name": bundle.run, "digest": {"sha256": last}}]
        and said["predicate"].get("events") == len(told)
        and said["predicate"].get("run") == bundle.run
        and said["predicate"].get("status") in _statuses(told)
    )
    detail = f"run {bundle.run} is {said['predicate']['status']}" if holds and said else "the head names another end"
    return Claim(text="nothing was cut off", holds=holds, detail=detail)


def _of_kind(told: Sequence[Told], kind: type[Event]) -> list[Told]:
    return [each for each in told if each.kind == kind.kind]


def _statuses(told: Sequence[Told]) -> tuple[str, ...]:
    """Return the statuses that a run with these events can have."""
    end = next((each.body["status"] for each in _of_kind(told, RunEnded)), "")
    return (end,) if end else ("working", "waiting", "parked")


def _statement(envelope: Envelope, kind: str) -> dict[str, Any] | None:
    if envelope.kind != STATEMENT:
        return None
    said = plain_json(envelope.payload)
    right = said.get("_type") == TYPE and said.get("predicateType") == kind
    return said if right else None


class _Gates:
    """The gates of a bundle, and what was decided at them."""

    def __init__(self, bundle: Bundle, told: Sequence[Told], managers: People, *, policies: bool) -> None:
        self._policies = policies
        self._bundle = bundle
        self._told = told
        self._taken = {each.seq: each for each in _of_kind(told, DecisionTaken)}
        self._voided = {each.gate for each in _of_kind(told, GateVoided)}
        self._managers = managers
        self._aliases: dict[str, str] = {}
        """Under which name a key without one signed first."""
        opened = _of_kind(told, GateOpened)
        self.phases: list[str] = list(opened[-1].body["binds"]["phases"]) if opened else []
        self._binds = {each.gate: each.body["binds"] for each in opened}
        gates = [self._gate(each) for each in opened]
        self.passed: dict[str, Passed] = {_phase(gate): gate for gate in gates if gate and gate.by}

    def claims(self) -> Iterator[Claim]:
        """Return a claim that every decision is in its place, and one for each phase."""
        stray = self._strays()
        yield Claim(text="every decision is signed, and stands where it was told of", holds=not stray, detail=stray)
        for place, phase in enumerate(self.phases):
            gate = self.passed.get(phase)
            if gate is None:
                if any(later in self.passed for later in self.phases[place + 1 :]) or self._ended():
                    yield Claim(text=f"gate '{phase}' was passed", holds=False, detail="nobody passed it")
                continue
            wrong = gate.wrong or self._upstream(gate, place)
            detail = wrong or f"tree {gate.binds['tree'][:12]}"
            yield Claim(text=f"gate '{phase}' was passed by {', '.join(gate.by)}", holds=not wrong, detail=detail)

    def _ended(self) -> bool:
        return any(ended.body["status"] == "released" for ended in _of_kind(self._told, RunEnded))

    def _strays(self) -> str:
        for number, envelopes in self._bundle.decisions.items():
            told = [self._taken[number].body.get("statement")] if number in self._taken else []
            if [hashlib.sha256(envelope.payload).hexdigest() for envelope in envelopes] != told:
                return f"a decision after event {number} is not the one that it tells of"
        lacking = [number for number in self._taken if number not in self._bundle.decisions]
        if lacking:
            return f"the decision that event {lacking[0]} tells of is missing"
        return next(filter(None, (self._unsigned(taken) for taken in self._taken.values())), "")

    def _unsigned(self, taken: Told) -> str:
        binds = self._binds.get(taken.gate)
        wrong = self._objection(taken, binds) if binds else "there is no such gate"
        return f"event {taken.seq}: {wrong}" if wrong else ""

    def _gate(self, opened: Told) -> Passed | None:
        binds = opened.body["binds"]
        if opened.gate in self._voided:
            return None
        wrong = self._unbound(opened, binds)
        told = [taken for taken in self._taken.values() if taken.gate == opened.gate]
        passing = [taken for taken in told if taken.passes]
        # Somebody rejected, or asked for changes: a gate is passed without objection or not at all.
        if len(passing) < len(told):
            return None
        wrong = wrong or next(filter(None, (self._objection(taken, binds) for taken in passing)), "")
        names = tuple(self._name(taken) for taken in passing)
        by_policy = any(taken.by.startswith(POLICY) for taken in passing)
        if not by_policy and not wrong and self._approvals(passing) < binds["quorum"]:
            return None
        return Passed(binds, names, wrong, tuple(taken.body["statement"] for taken in passing))

    def _unbound(self, opened: Told, binds: Mapping[str, Any]) -> str:
        if binds["gate"] != f"{self._bundle.run}/{opened.gate}" or binds["phases"] != self.phases:
            return "the gate is another's"
        if binds["before"] != opened.before or binds["system"] != self._bundle.system.key_id:
            return "the gate was opened on other events, or under another key of the system"
        return ""

    def _objection(self, told: Told, binds: Mapping[str, Any]) -> str:
        envelopes = self._bundle.decisions.get(told.seq, ())
        if len(envelopes) != 1:
            return "what was signed is missing"
        (envelope,), by = envelopes, told.by
        if by.startswith(POLICY) and not self._policies:
            return "a policy passed it, not a person"
        known = Known(self._bundle.system) if by.startswith(POLICY) else self._managers.of(envelope.key_id)
        said = _statement(envelope, GATE_APPROVAL)
        if known is None or said is None or not envelope.holds(known.key):
            return "it is not signed by a manager whose key was given"
        wrong = "" if by.startswith(POLICY) else self._misnamed(known, by, binds) or self._undelegated(told, said)
        if wrong:
            return wrong
        subject = [{"name": binds["gate"], "digest": {"sha256": digest(dict(binds)), "gitTree": binds["tree"]}}]
        predicate = said["predicate"]
        same = (predicate.get("gate"), predicate.get("by"), predicate.get("decision")) == (
            binds["gate"],
            by,
            told.body["decision"],
        )
        return "" if same and said["subject"] == subject else "what was signed is about something else"

    def _misnamed(self, known: Known, by: str, binds: Mapping[str, Any]) -> str:
        """A statement counts for the person whose key signed it, and for nobody that it names besides."""
        names = known.names or (self._aliases.setdefault(known.key.key_id, by),)
        # A name that a person had once may be another's by now: the gate tells whose it was there.
        told = {**binds["delegates"], **binds["approvers"]} if len(names) > 1 else {}
        holds = by in names and told.get(by, str(known.key)) == str(known.key)
        return "" if holds else f"it says that '{by}' signed it, and the key is that of '{names[-1]}'"

    def _undelegated(self, told: Told, said: Mapping[str, Any]) -> str:
        """Return why a decision in another's right does not count, or an empty string."""
        predicate = said["predicate"]
        principal = predicate.get("instead_of", "")
        if not principal:
            return ""
        given = told.body.get("delegation")
        envelope = read_envelope(given) if given else None
        delegation = _statement(envelope, DELEGATION) if envelope else None
        keys = self._managers.keys_of(principal)
        if envelope is None or delegation is None or not any(envelope.holds(key) for key in keys):
            return f"it is said in the right of '{principal}', whose key signed no delegation in it"
        begins, ends = delegation["predicate"]["window"]
        gates = delegation["predicate"]["gates"]
        covers = (
            (delegation["predicate"]["by"], delegation["predicate"]["to"]) == (principal, predicate["by"])
            # The event's time is the system's word and the statement's the signer's: neither alone can stretch the
            # window.
            and begins <= told.at < ends
            and predicate["at"] < ends
            and (not gates or told.named["phase"] in gates)
        )
        return "" if covers else f"the delegation of '{principal}' does not cover this gate, person or time"

    def _approvals(self, passing: Sequence[Told]) -> int:
        """Neither a key nor a principal counts twice, as `phasegate.ledger.approvals` counts.

        A principal is known by name and by key, since either may be another in a later root.
        """
        keys, principals = set[str](), set[str]()
        for taken in passing:
            (envelope,) = self._bundle.decisions[taken.seq]
            said = _statement(envelope, GATE_APPROVAL)
            instead_of = str((said or {"predicate": {}})["predicate"].get("instead_of", ""))
            given = read_envelope(taken.body["delegation"]) if instead_of else envelope
            principal = {f"name {instead_of or taken.by}", f"key {given.key_id}"}
            if envelope.key_id not in keys and principals.isdisjoint(principal):
                keys.add(envelope.key_id)
                principals |= principal
        return len(keys)

    def _name(self, taken: Told) -> str:
        """Return the decider's name, or the id of a key without a name."""
        by, envelopes = taken.by, self._bundle.decisions.get(taken.seq, ())
        known = self._managers.of(envelopes[0].key_id) if envelopes else None
        return f"key {known.key.key_id[:12]}, which calls itself {by}" if known and not known.names else by

    def _upstream(self, gate: Passed, place: int) -> str:
        before = [self.passed.get(phase) for phase in self.phases[:place]]
        upstream = [one for passed in before if passed for one in passed.statements]
        return "" if gate.binds["upstream"] == upstream else "it was decided on other decisions before it"


def _phase(gate: Passed) -> str:
    return str(gate.binds["gate"]).split("/")[-2]


def _release(bundle: Bundle, told: Sequence[Told], gates: _Gates, artifacts: Mapping[str, bytes]) -> Iterator[Claim]:
    last = gates.passed.get(gates.phases[-1]) if gates.phases else None
    if last is None:
        yield Claim(text="the bundle holds no release", holds=not bundle.tree and not artifacts)
        return
    tree, blobs = last.binds["tree"], {file.path: file.blob for file in bundle.files}
    whole = bundle.tree == tree and git_tree(bundle.files) == tree
    yield Claim(text="the files are those of the tree that was approved", holds=whole, detail=f"{len(blobs)} files")
    yield _tested(told, last)
    listed = bool(bundle.built_path) and blobs.get(bundle.built_path) == git_blob(bundle.built)
    built: dict[str, str] = plain_json(bundle.built) if listed else {}
    yield Claim(text="what was built is named in that tree", holds=listed, detail=", ".join(sorted(built)))
    for name, content in artifacts.items():
        yield _shipped(name, content, built, blobs)


def _tested(told: Sequence[Told], last: Passed) -> Claim:
    wanted = (*str(last.binds["gate"]).split("/")[-2:], "tests-pass")
    checks = _of_kind(told, CheckReported)
    reports = [e.body for e in checks if tuple(e.named.get(n) for n in ("phase", "attempt", "check")) == wanted]
    holds = bool(reports) and reports[-1].get("tree") == last.binds["tree"] and not reports[-1].get("findings")
    detail = "; ".join(reports[-1].get("evidence", [])) if reports else "no test run is on record"
    return Claim(text="the tests passed for that tree", holds=holds, detail=detail)


def _shipped(name: str, content: bytes, built: Mapping[str, str], blobs: Mapping[str, str]) -> Claim:
    found = hashlib.sha256(content).hexdigest()
    wrong = "" if built.get(name) == found else f"sha256 {found[:16]} was not approved under this name"
    if not wrong and name.endswith(".whl"):
        wrong = _unapproved(content, blobs)
    return Claim(text=f"{name} is the one that was approved", holds=not wrong, detail=wrong or f"sha256 {found[:16]}")


def _unapproved(wheel: bytes, blobs: Mapping[str, str]) -> str:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        for name in archive.namelist():
            # The build makes the metadata, so that no tree holds it; the digest of the whole wheel covers it.
            made = name.partition("/")[0].endswith(".dist-info")
            if not made and blobs.get(f"src/{name}") != git_blob(archive.read(name)):
                return f"{name} is not from the approved tree"
    return ""
