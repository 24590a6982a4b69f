"""Proof of a bundle: each claim recomputed from its bytes, and from what a verifier was given to know managers by."""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
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
    RunStarted,
    parse_key,
)
from phasegate.ledger.signing.authority import Authority
from phasegate.ledger.signing.bundle import MALFORMED, Bundle, git_blob, git_tree, no_bundle, plain_json, read_envelope
from phasegate.ledger.signing.claims import Claim
from phasegate.ledger.signing.dsse import EVENT, STATEMENT, Envelope
from phasegate.ledger.signing.intoto import DELEGATION, GATE_APPROVAL, RUN_LEDGER, RUN_START, TYPE
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
    digest: str
    """SHA-256 of its payload."""

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
    last: int
    """Number of the event with which it was passed."""


def prove(
    bundle: Bundle,
    managers: People | None,
    artifacts: Mapping[str, bytes] | None = None,
    *,
    root: str = "",
    policies: bool = False,
) -> list[Claim]:
    """Return every claim of a bundle, failed where it does not hold or cannot be read.

    Args:
        bundle: what was read.
        managers: keys of the people who may decide, as they published them, with their names; None: those whom the
            bundle's roots name.
        artifacts: wheel and sdist by file name, where they are at hand.
        root: SHA-256 of the repository's first root, as a manager told it; empty: it is not known.
        policies: whether a gate may have been passed by a policy instead of a person.
    """
    try:
        return _claims(bundle, Authority(bundle, managers, root), artifacts or {}, policies=policies)
    except (*MALFORMED, zipfile.BadZipFile) as error:
        return [Claim(text="the bundle can be read", holds=False, detail=str(no_bundle(error)))]


def _claims(bundle: Bundle, authority: Authority, artifacts: Mapping[str, bytes], *, policies: bool) -> list[Claim]:
    told, broken = _chain(bundle)
    claims = [*filter(None, [authority.claim()]), broken, _head(bundle, told)]
    # Every other claim is read from the events: where these do not hold, nothing that they tell is worth a line.
    if not all(claim.holds for claim in claims):
        return claims
    gates = _Gates(bundle, told, authority, policies=policies)
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
        digest_ = hashlib.sha256(envelope.payload).hexdigest()
        told.append(Told(number, body.get("at"), before, *parse_key(body["key"]), body.get("body"), digest_))
        before = digest_
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

    def __init__(self, bundle: Bundle, told: Sequence[Told], authority: Authority, *, policies: bool) -> None:
        self._policies = policies
        self._bundle = bundle
        self._told = told
        self._authority = authority
        self._numbers = {each.digest: each.seq for each in told}
        self._taken = {each.seq: each for each in _of_kind(told, DecisionTaken)}
        self._voided = {each.gate for each in _of_kind(told, GateVoided)}
        self._aliases: dict[str, str] = {}
        """Under which name a key without one signed first."""
        opened = _of_kind(told, GateOpened)
        self.phases: list[str] = list(opened[-1].body["binds"]["phases"]) if opened else []
        self._binds = {each.gate: each.body["binds"] for each in opened}
        self._rules = {each.gate: each.body["rules"] for each in opened}
        self._starter = next((each.body.get("starter") for each in _of_kind(told, RunStarted)), None)
        earlier = [None, *(each.body["binds"] for each in opened)]
        self._previous = {each.gate: before for each, before in zip(opened, earlier, strict=False)}
        """What the gate that was opened before it is bound to, by gate."""
        gates = [self._gate(each) for each in opened]
        self.passed: dict[str, Passed] = {_phase(gate): gate for gate in gates if gate and gate.by}

    def claims(self) -> Iterator[Claim]:
        """Return a claim that every decision is in its place, and one for each phase."""
        stray = self._strays() or self._begun()
        yield Claim(text="every decision is signed, and stands where it was told of", holds=not stray, detail=stray)
        for place, phase in enumerate(self.phases):
            gate = self.passed.get(phase)
            if gate is None:
                if any(later in self.passed for later in self.phases[place + 1 :]) or self._ended():
                    yield Claim(text=f"gate '{phase}' was passed", holds=False, detail="nobody passed it")
                continue
            wrong = gate.wrong or self._upstream(gate, place)
            detail = wrong or f"tree {gate.binds['tree'][:12]}"
            names = ", ".join(gate.by)
            if self._ended() or gate.last <= self.covered:
                yield Claim(text=f"gate '{phase}' was passed by {names}", holds=not wrong, detail=detail)
            else:
                detail = wrong or "no manager has signed what came after, and may have taken it back"
                yield Claim(text=f"gate '{phase}' was approved by {names}", holds=not wrong, detail=detail)

    @cached_property
    def covered(self) -> int:
        """Number of the last event up to which a manager signed the run's events, so that none of them was cut off."""
        signed = [each for each in self._taken.values() if not each.by.startswith(POLICY) and each.gate in self._binds]
        numbers = (self._numbers.get(digest_, 0) for each in signed for digest_ in self._covers(each))
        return max(numbers, default=0)

    def _covers(self, taken: Told) -> Iterator[str]:
        """Return digests of events up to which a decision covers the run's events."""
        yield self._binds[taken.gate]["before"]
        for envelope in self._bundle.decisions.get(taken.seq, ()):
            said = _statement(envelope, GATE_APPROVAL)
            yield said["predicate"].get("head", "") if said else ""

    def _begun(self) -> str:
        """Return why a run did not begin under the root of trust, or an empty string."""
        started = _of_kind(self._told, RunStarted)
        wrong = (self._authority.begun(each.body.get("terms") or {}) or self._unproven(each.body) for each in started)
        return next(filter(None, wrong), "")

    def _unproven(self, begun: Mapping[str, Any]) -> str:
        """Return why whoever is said to have started the run did not, or an empty string."""
        starter = begun.get("starter") or {}
        if not (starter.get("key") or starter.get("envelope")):
            return ""
        name, keys = starter["name"], self._authority.keys_of(starter["name"])
        key = next((each for each in keys if each.key_id == starter.get("key")), None)
        if key is None:
            return f"the run was started with a key that the root of trust does not name for '{name}'"
        if not starter.get("envelope"):
            return ""
        envelope = read_envelope(starter["envelope"])
        said = _statement(envelope, RUN_START) if envelope.holds(key) else None
        same = said is not None and (
            said["subject"] == [{"name": self._bundle.run, "digest": {"gitCommit": begun["base"]}}]
            and [said["predicate"].get(each) for each in ("run", "spec", "by")]
            == [self._bundle.run, begun["spec"], name]
        )
        return "" if same else f"'{name}' did not sign that they started the run"

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
        statements = tuple(taken.body["statement"] for taken in passing)
        return Passed(binds, names, wrong, statements, max((taken.seq for taken in passing), default=0))

    def _unbound(self, opened: Told, binds: Mapping[str, Any]) -> str:
        if binds["gate"] != f"{self._bundle.run}/{opened.gate}" or binds["phases"] != self.phases:
            return "the gate is another's"
        if binds["before"] != opened.before or binds["system"] != self._bundle.system.key_id:
            return "the gate was opened on other events, or under another key of the system"
        return self._authority.objection(binds, opened.body["rules"], self._previous[opened.gate])

    def _objection(self, told: Told, binds: Mapping[str, Any]) -> str:
        envelopes = self._bundle.decisions.get(told.seq, ())
        if len(envelopes) != 1:
            return "what was signed is missing"
        (envelope,), by = envelopes, told.by
        if by.startswith(POLICY) and not self._policies:
            return "a policy passed it, not a person"
        people = self._authority.people(binds)
        known = Known(self._bundle.system) if by.startswith(POLICY) else people.of(envelope.key_id)
        said = _statement(envelope, GATE_APPROVAL)
        if known is None or said is None or not envelope.holds(known.key):
            return "it is not signed by a manager whom the root names, or whose key was given"
        wrong = "" if by.startswith(POLICY) else self._wrong_person(told, known, said, people)
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

    def _wrong_person(self, told: Told, known: Known, said: Mapping[str, Any], people: People) -> str:
        """Return why a person's decision does not count, or an empty string."""
        return (
            self._misnamed(known, told.by)
            or self._undelegated(told, said, people)
            or self._elsewhere(told, said)
            or self._own(told, said, people)
        )

    def _misnamed(self, known: Known, by: str) -> str:
        """A statement counts for the person whose key signed it, and for nobody that it names besides."""
        own = known.name or self._aliases.setdefault(known.key.key_id, by)
        return "" if own == by else f"it says that '{by}' signed it, and the key is that of '{own}'"

    def _own(self, told: Told, said: Mapping[str, Any], people: People) -> str:
        """Return why a decision is by whoever started the run, where the gate's rules exclude them, or nothing."""
        if self._rules[told.gate].get("author_may_approve", True) or not self._binds[told.gate].get("root"):
            return ""
        if not self._starter:
            return "nobody is known to have started the run, and whoever did may not decide"
        principal = said["predicate"].get("instead_of", "")
        keys = {self._bundle.decisions[told.seq][0].key_id, *(key.key_id for key in people.keys_of(principal))}
        own = self._starter["name"] in (told.by, principal) or self._starter.get("key") in keys
        return "whoever started the run may not decide" if own else ""

    def _elsewhere(self, told: Told, said: Mapping[str, Any]) -> str:
        """Return why a decision was signed on events that are not these, or an empty string."""
        head = said["predicate"].get("head", "")
        return "" if not head or self._numbers.get(head, told.seq) < told.seq else "it was signed on other events"

    def _undelegated(self, told: Told, said: Mapping[str, Any], people: People) -> str:
        """Return why a decision in another's right does not count, or an empty string."""
        predicate = said["predicate"]
        principal = predicate.get("instead_of", "")
        if not principal:
            return ""
        given = told.body.get("delegation")
        envelope = read_envelope(given) if given else None
        delegation = _statement(envelope, DELEGATION) if envelope else None
        keys = people.keys_of(principal)
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
        """Neither a key nor a principal counts twice, as `phasegate.ledger.approvals` counts."""
        keys, principals = set[str](), set[str]()
        for taken in passing:
            (envelope,) = self._bundle.decisions[taken.seq]
            said = _statement(envelope, GATE_APPROVAL)
            principal = str((said or {"predicate": {}})["predicate"].get("instead_of") or taken.by)
            if envelope.key_id not in keys and principal not in principals:
                keys.add(envelope.key_id)
                principals.add(principal)
        return len(keys)

    def _name(self, taken: Told) -> str:
        """Return the decider's name, or the id of a key without a name."""
        by, envelopes = taken.by, self._bundle.decisions.get(taken.seq, ())
        people = self._authority.people(self._binds[taken.gate])
        known = people.of(envelopes[0].key_id) if envelopes else None
        return f"key {known.key.key_id[:12]}, which calls itself {by}" if known and not known.name else by

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
