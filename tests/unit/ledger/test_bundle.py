"""A bundle proves a run offline, and both verifiers see every tamper at every line."""

import base64
import hashlib
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from phasegate.core import InvalidInput, PhasegateError
from phasegate.ledger import EVENT, STATEMENT, DecisionKind, Delegation, PrivateKey, seal
from phasegate.ledger.events import Binds
from phasegate.ledger.signing.authority import Authority
from phasegate.ledger.signing.bundle import read_bundle
from phasegate.ledger.signing.forks import agree
from phasegate.ledger.signing.intoto import RUN_START, statement
from phasegate.ledger.signing.people import Known, People
from phasegate.ledger.signing.proof import prove
from phasegate.ledger.signing.roots import Root, SignedRoot, follow, sign_root
from phasegate.workflow import Manager
from unit.ledger.bundles import (
    ADA,
    BOB,
    EVE,
    SYSTEM,
    WHEEL,
    Told,
    bundled,
    first_root,
    next_version,
    released,
    team,
    wheel,
)
from unit.workflow.fixtures import NOW, engine, flow, phase

ALONE = Path(__file__).parents[3] / "docs" / "verify_bundle.py"
FINGERPRINT = sign_root(first_root(team(Path()).flow), ADA).digest
KEYS = [Known(ADA.public, "ada"), Known(BOB.public, "bob")]
Lines = list[dict[str, Any]]
PASSED = ("gate 'release' was passed", "gate 'release' was approved")


@pytest.fixture(scope="module")
def alone() -> Any:
    """The stand-alone verifier."""
    spec = importlib.util.spec_from_file_location("verify_bundle", ALONE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def told(tmp_path: Path) -> Told:
    return await released(tmp_path / "house")


def ours(
    content: bytes,
    *,
    keys: Any = KEYS,
    policies: bool = False,
    wheels: dict[str, bytes] | None = None,
    root: str = "",
) -> bool:
    """Whether our verifier says that everything holds."""
    people = None if keys is None else People(keys)
    try:
        return all(claim.holds for claim in prove(read_bundle(content), people, wheels, root=root, policies=policies))
    except PhasegateError:
        return False


def theirs(
    alone: Any,
    content: bytes,
    *,
    keys: Any = KEYS,
    policies: bool = False,
    wheels: tuple[Path, ...] = (),
    root: str = "",
) -> bool:
    """Whether the stand-alone one does."""
    given = None if keys is None else [(one.name, str(one.key)) for one in keys]
    try:
        alone.verify(content, given, wheels, policies, root)
    except Exception:
        return False
    return True


def both(alone: Any, content: bytes, **more: Any) -> bool:
    """What both say; they have to agree, and to say the same by the managers' keys as by their root."""
    mine, other = ours(content, **more), theirs(alone, content, **more)
    assert mine == other
    if "keys" not in more:
        more |= {"keys": None, "root": FINGERPRINT}
        assert (ours(content, **more), theirs(alone, content, **more)) == (mine, mine)
    return mine


def test_the_second_verifier_is_short_and_depends_on_cryptography_alone() -> None:
    text = ALONE.read_text()
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 345
    imported = re.findall(r"^(?:import|from) (\w+)", text, re.M)
    assert set(imported) - sys.stdlib_module_names == {"cryptography"}


async def test_an_untouched_bundle_holds(told: Told, alone: Any, tmp_path: Path) -> None:
    assert both(alone, told.content)
    file = tmp_path / WHEEL
    file.write_bytes(told.wheel)
    assert ours(told.content, wheels={WHEEL: told.wheel})
    assert theirs(alone, told.content, wheels=(file,))
    claims = {claim.text for claim in prove(read_bundle(told.content), People(KEYS), {WHEEL: told.wheel})}
    assert {"gate 'plan' was passed by ada", "gate 'release' was passed by ada, bob"} <= claims


async def test_another_wheel_does_not(told: Told, alone: Any, tmp_path: Path) -> None:
    file = tmp_path / WHEEL
    file.write_bytes(wheel(b"print('other')\n"))
    assert not ours(told.content, wheels={WHEEL: file.read_bytes()})
    assert not theirs(alone, told.content, wheels=(file,))


@pytest.mark.parametrize("keys", [[], KEYS[:1], KEYS[1:], [Known(SYSTEM.public)]])
async def test_without_every_managers_key_nobody_is_believed(told: Told, alone: Any, keys: Any) -> None:
    assert not both(alone, told.content, keys=keys)


async def test_what_a_policy_passed_is_no_persons(tmp_path: Path, alone: Any) -> None:
    told = await released(tmp_path, "demo")
    assert not both(alone, told.content)
    assert both(alone, told.content, policies=True)


def _lines(told: Told) -> Lines:
    return [json.loads(line) for line in told.lines]


def _whole(lines: Lines) -> bytes:
    return b"".join(json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n" for line in lines)


def _envelope(line: dict[str, Any]) -> dict[str, Any] | None:
    return next((line[name] for name in ("event", "decision", "head") if name in line), None)


def _edits(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The line with one thing changed: a byte of what was signed, of the signature, or any of its other values."""
    envelope = _envelope(line)
    if envelope:
        payload = base64.b64decode(envelope["payload"])
        other = payload.replace(b":", b": ", 1)
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        flipped = bytes([signature[0] ^ 1]) + signature[1:]
        name = next(iter(line))
        yield {name: {**envelope, "payload": base64.b64encode(other).decode()}}
        yield {name: {**envelope, "signatures": [{**envelope["signatures"][0], "sig": _b64(flipped)}]}}
        yield {name: {**envelope, "payloadType": "application/json"}}
        yield {name: {**envelope, "signatures": envelope["signatures"] * 2}}
        yield {name: {**envelope, "signatures": []}}
    elif "bundle" in line:
        yield {**line, "bundle": "phasegate/v1"}
        yield {**line, "bundle": "phasegate/v3"}
        yield {**line, "run": "r2"}
        yield {**line, "system": str(ADA.public)}
    elif "roots" in line:
        first, second = line["roots"]
        for roots in ([], [first], [second], [second, first], [first, first, second], [first, second, second]):
            yield {"roots": roots}
        yield {"roots": [first, {**second, "signatures": []}]}
        yield {"roots": [{**first, "signatures": second["signatures"]}, second]}
        yield {"roots": [{**first, "payload": second["payload"]}, second]}
    elif "tree" in line:
        yield {**line, "tree": "0" * 40}
        yield {**line, "files": line["files"][1:]}
        yield {**line, "files": [["100755", *line["files"][0][1:]], *line["files"][1:]]}
    else:
        yield {**line, "content": _b64(b"{}")}
        yield {**line, "built": "README.md"}
    yield {**line, "more": 1}


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _signed_by(line: dict[str, Any], key: PrivateKey) -> dict[str, Any]:
    """The same payload under another key: for an event or head the manager's, for a decision the system's."""
    (name,) = line
    envelope = line[name]
    sealed = seal(envelope["payloadType"], base64.b64decode(envelope["payload"]), key)
    return {name: sealed.as_json()}


async def test_every_edit_of_every_line_shows(told: Told, alone: Any) -> None:
    lines, count = _lines(told), 0
    for place, line in enumerate(lines):
        for edited in _edits(line):
            assert not both(alone, _whole([*lines[:place], edited, *lines[place + 1 :]])), (place, edited)
            count += 1
    assert count > 5 * len(lines) - 10


@pytest.mark.parametrize(
    "tamper",
    [
        lambda lines, at: [*lines[:at], *lines[at + 1 :]],  # dropped
        lambda lines, at: [*lines[: at + 1], lines[at], *lines[at + 1 :]],  # twice
        lambda lines, at: [*lines, lines[at]],  # again at the end
        lambda lines, at: [*lines[:at], *lines[at + 1 : at + 2], lines[at], *lines[at + 2 :]],  # swapped with the next
        lambda lines, at: lines[:at],  # the tail cut off
    ],
    ids=["drop", "duplicate", "append", "swap", "cut"],
)
async def test_no_line_can_be_moved(told: Told, alone: Any, tamper: Callable[[Lines, int], Lines]) -> None:
    lines = _lines(told)
    for at in range(len(lines)):
        changed = tamper(lines, at)
        if changed != lines:
            assert not both(alone, _whole(changed)), at


async def test_a_line_signed_in_the_wrong_role_shows(told: Told, alone: Any) -> None:
    lines = _lines(told)
    for at, line in enumerate(lines):
        if _envelope(line):
            wrong = SYSTEM if "decision" in line else ADA
            assert not both(alone, _whole([*lines[:at], _signed_by(line, wrong), *lines[at + 1 :]])), at


async def test_who_has_the_systems_key_cannot_rewrite_what_a_manager_saw(told: Told, alone: Any) -> None:
    """The manager's signature binds the chain up to the gate: a chain that is signed anew no longer leads there."""
    lines, before = _lines(told), ""
    for at, line in enumerate(lines):
        if "event" in line:
            body = json.loads(base64.b64decode(line["event"]["payload"]))
            if body["key"].startswith("check:plan/1/"):
                body["body"]["evidence"] = ["300 of 300 tests passed"]
            body["before"] = before
            lines[at], before = _resealed(body)
    assert not both(alone, _whole(lines))
    subject = json.loads(base64.b64decode(lines[-3]["head"]["payload"]))
    subject["subject"][0]["digest"]["sha256"] = before
    lines[-3] = {"head": seal(STATEMENT, json.dumps(subject).encode(), SYSTEM).as_json()}
    assert not both(alone, _whole(lines))


def _resealed(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    payload = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return {"event": seal(EVENT, payload, SYSTEM).as_json()}, hashlib.sha256(payload).hexdigest()


def _told(line: dict[str, Any]) -> dict[str, Any]:
    (envelope,) = line.values()
    said: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))
    return said


def _forged(lines: Lines, name: str, key: PrivateKey, more: dict[str, Any], **body: Any) -> bytes:
    """The bundle up to its last decision but one, then that decision again, as that name's, with the system's key."""
    cut = max(at for at, line in enumerate(lines) if "decision" in line)
    kept = lines[: cut - 1]
    events = [line for line in kept if "event" in line]
    said, told = _told(kept[-1]), _told(events[-1])
    token = {"token": ""} if "token" in said["predicate"] else {}
    predicate = {**said["predicate"], "by": name, **token, **more}
    vote = seal(STATEMENT, _json({**said, "predicate": predicate}), key)
    before = _sha(base64.b64decode(events[-1]["event"]["payload"]))
    event = {
        **told,
        "at": told["at"] + 1,
        "before": before,
        "seq": len(events) + 1,
        "key": told["key"].rpartition("/")[0] + f"/{name}",
        "body": {**told["body"], "by": name, "statement": _sha(vote.payload), **body},
    }
    sealed, before = _resealed(event)
    head = _told(next(line for line in lines if "head" in line))
    head["subject"][0]["digest"]["sha256"] = before
    head["predicate"].update(events=len(events) + 1, status="waiting")
    closing = {"head": seal(STATEMENT, _json(head), SYSTEM).as_json()}
    return _whole([*kept, sealed, {"decision": vote.as_json()}, closing])


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_a_second_approval_counts_where_its_own_key_signed_it(told: Told, alone: Any) -> None:
    """The forgery below is refused for its key alone: with the right one it would have passed."""
    content = _forged(_lines(told), "bob", BOB, {})
    lines = [json.loads(line) for line in content.splitlines()]
    assert "tree" not in lines[-1]
    claims = prove(read_bundle(content), People(KEYS))
    assert "gate 'release' was approved by ada, bob" in {claim.text for claim in claims}


@pytest.mark.parametrize(
    "known",
    [KEYS, KEYS[:1], [Known(ADA.public)], [Known(ADA.public), Known(BOB.public)], [*KEYS, Known(EVE.public, "eve")]],
    ids=["both", "ada", "her key alone", "keys alone", "more"],
)
async def test_one_person_is_not_two_under_two_names(told: Told, alone: Any, known: list[Known]) -> None:
    content = _forged(_lines(told), "bob", ADA, {})
    assert not both(alone, content, keys=known)
    claims = prove(read_bundle(content), People(known))
    assert not any(claim.text.startswith(PASSED) and claim.holds for claim in claims)


DAY = 86_400


def _delegation(by: str, to: str, key: PrivateKey, begins: int, ends: int, *gates: str) -> dict[str, Any]:
    window = [datetime.fromtimestamp(at, UTC) for at in (begins, ends)]
    given = Delegation(by=by, to=to, begins=window[0], ends=window[1], gates=gates)
    return seal(STATEMENT, given.encoded(), key).as_json()


_AT = int(NOW.timestamp())
DELEGATIONS: dict[str, tuple[dict[str, Any] | None, bool]] = {
    "given": (_delegation("bob", "eve", BOB, _AT - DAY, _AT + DAY), True),
    "for this gate": (_delegation("bob", "eve", BOB, _AT - DAY, _AT + DAY, "release"), True),
    "none": (None, False),
    "for another gate": (_delegation("bob", "eve", BOB, _AT - DAY, _AT + DAY, "plan"), False),
    "over": (_delegation("bob", "eve", BOB, _AT - DAY, _AT), False),
    "not begun": (_delegation("bob", "eve", BOB, _AT + DAY, _AT + 2 * DAY), False),
    "to another": (_delegation("bob", "ada", BOB, _AT - DAY, _AT + DAY), False),
    "by another": (_delegation("ada", "eve", ADA, _AT - DAY, _AT + DAY), False),
    "signed by who decides": (_delegation("bob", "eve", EVE, _AT - DAY, _AT + DAY), False),
    "signed by the system": (_delegation("bob", "eve", SYSTEM, _AT - DAY, _AT + DAY), False),
}


@pytest.mark.parametrize("case", DELEGATIONS)
async def test_another_s_right_counts_with_a_delegation_that_their_key_signed(
    told: Told, alone: Any, case: str
) -> None:
    given, holds = DELEGATIONS[case]
    content = _forged(_lines(told), "eve", EVE, {"instead_of": "bob"}, **({"delegation": given} if given else {}))
    known = [*KEYS, Known(EVE.public, "eve")]
    claims = prove(read_bundle(content), People(known))
    passed = any(claim.text.startswith(PASSED) and claim.holds for claim in claims)
    assert passed is holds
    assert theirs(alone, content, keys=known) is False  # a gate that was passed ends with its tree, cut off here
    if not holds:
        assert not all(claim.holds for claim in claims)


async def test_a_principal_and_their_delegate_are_one(told: Told, alone: Any) -> None:
    given = _delegation("ada", "eve", ADA, _AT - DAY, _AT + DAY)
    content = _forged(_lines(told), "eve", EVE, {"instead_of": "ada"}, delegation=given)
    known = [*KEYS, Known(EVE.public, "eve")]
    assert both(alone, content, keys=known)  # everything holds, and the gate waits
    assert not any("gate 'release'" in claim.text for claim in prove(read_bundle(content), People(known)))


def test_one_key_is_one_persons(alone: Any) -> None:
    with pytest.raises(InvalidInput, match="a key is one person's"):
        People([Known(ADA.public, "ada"), Known(ADA.public, "bob")])
    with pytest.raises(ValueError, match="two people"):
        alone.known([("ada", str(ADA.public)), ("bob", str(ADA.public))])


@pytest.mark.parametrize(
    "text",
    ["ada", "=", "ada=", pytest.param(f"={ADA.public}", id="no name"), "ada=none", "ada=/nowhere"],
)
def test_a_manager_is_a_name_and_a_key(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Known.parse(text)
    assert refused.value.fix


def test_a_key_may_lie_in_a_file(tmp_path: Path, alone: Any) -> None:
    file = tmp_path / "ada.pub"
    file.write_text(f"{ADA.public}\n")
    assert Known.parse(f"ada={file}") == Known(ADA.public, "ada")
    assert [name for name, _ in alone.known([("ada", str(file))]).values()] == ["ada"]


async def test_two_bundles_of_one_run_agree_or_say_where_they_part(told: Told) -> None:
    whole, lines = read_bundle(told.content), _lines(told)
    assert agree(whole, whole).holds
    other = read_bundle(_forged(lines, "bob", BOB, {}))
    parted = agree(whole, other)
    assert (parted.holds, "they part at event" in parted.detail) == (False, True)
    assert not agree(other, whole).holds


WRONG: list[Any] = [None, 7, "x", [], {}, ...]
VALUES: list[Any] = [None, True, -1, 1e300, "", "x" * 70_000, [], {}, [[]], {"a": {}}, [None], {"payload": 1}]


def _malformed(lines: Lines) -> Iterator[bytes]:
    """Every value of every line dropped, or of another type; and files that are no JSON, or too much of it."""
    for at, line in enumerate(lines):
        for name in line:
            for value in VALUES:
                yield _whole([*lines[:at], {**line, name: value}, *lines[at + 1 :]])
            yield _whole([*lines[:at], {key: line[key] for key in line if key != name}, *lines[at + 1 :]])
        for value in VALUES:
            yield _whole([*lines[:at], value, *lines[at + 1 :]])
    text = _whole(lines)
    yield from (b"", b"\n", b"\xff\xfe", text.decode().encode("utf-16"), b"[" * 100_000, b'{"a":' * 100_000)
    yield text.replace(b'{"bundle"', b'{"bundle":"x","bundle"', 1)
    yield text.replace(b'"bundle":"phasegate/v2"', b'"bundle":NaN')
    yield text.replace(b'"bundle":"phasegate/v2"', b'"bundle":' + b"9" * 5000)
    yield b"".join(line + b"\n" for line in [text.splitlines()[0], *[b'{"event": {}}'] * 20_000])


def _bodies(lines: Lines) -> Iterator[bytes]:
    """Every value of every payload dropped, or of another type, signed again by the system's key."""
    for at, line in enumerate(lines):
        if "event" not in line:
            continue
        for path in _paths(_told(line)):
            for value in WRONG:
                body = _told(line)
                place: Any = body
                for step in path[:-1]:
                    place = place[step]
                if value is ...:
                    del place[path[-1]]
                else:
                    place[path[-1]] = value
                yield _rechained([*lines[:at], _resealed(body)[0], *lines[at + 1 :]], at)


def _paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*above, key)
        yield from _paths(value[key], (*above, key))


def _rechained(lines: Lines, start: int) -> bytes:
    before = _sha(base64.b64decode(lines[start]["event"]["payload"]))
    for at in range(start + 1, len(lines)):
        if "event" in lines[at]:
            lines[at], before = _resealed({**_told(lines[at]), "before": before})
        elif "head" in lines[at]:
            head = _told(lines[at])
            head["subject"][0]["digest"]["sha256"] = before
            lines[at] = {"head": seal(STATEMENT, _json(head), SYSTEM).as_json()}
    return _whole(lines)


def _refused(content: bytes) -> str:
    """Why our verifier does not believe it; empty where it does."""
    try:
        claims = prove(read_bundle(content), People(KEYS))
    except InvalidInput as error:
        return str(error)
    return "; ".join(f"{claim.text}: {claim.detail}" for claim in claims if not claim.holds)


async def test_a_malformed_bundle_ends_in_words(told: Told, alone: Any) -> None:
    count = 0
    for content in _malformed(_lines(told)):
        why = _refused(content)
        assert 0 < len(why) < 1000, content[:2000]
        assert not theirs(alone, content)
        count += 1
    assert count > 300


@pytest.mark.slow
async def test_a_malformed_payload_ends_in_words(told: Told, alone: Any) -> None:
    for content in _bodies(_lines(told)):
        claims = prove(read_bundle(content), People(KEYS))
        mine = all(claim.holds for claim in claims)
        assert mine == theirs(alone, content)


def _sealed(root: Root, *signers: PrivateKey) -> SignedRoot:
    made = SignedRoot(root.encoded(), ())
    for signer in signers:
        made = made.with_signature(signer)
    return made


def _rooted(told: Told, *versions: SignedRoot) -> bytes:
    """The bundle with these roots, whatever its gates are bound to."""
    lines = _lines(told)
    return _whole([lines[0], {"roots": [version.as_json() for version in versions]}, *lines[2:]])


async def test_a_bundle_is_of_the_root_whose_fingerprint_is_known(told: Told, alone: Any) -> None:
    """Managers' keys are not needed then, and another root with the same managers is another one."""
    other = _sealed(replace(first_root(team(Path()).flow), at=1), ADA)
    for root, holds in ((FINGERPRINT, True), (f"SHA256:{FINGERPRINT.upper()}", True), (other.digest, False)):
        assert ours(told.content, keys=None, root=root) is holds
    assert theirs(alone, told.content, keys=None, root=FINGERPRINT)
    assert not theirs(alone, told.content, keys=None, root=other.digest)
    claims = prove(read_bundle(told.content), None, root=FINGERPRINT)
    assert claims[0].text.startswith(f"the root of trust is {FINGERPRINT}")
    assert claims[0].detail == "version 2"


ROOTS: dict[str, Callable[[SignedRoot, SignedRoot], Sequence[SignedRoot]]] = {
    "none": lambda first, second: (),
    "the first alone": lambda first, second: (first,),
    "the second by nobody": lambda first, second: (first, _sealed(second.root)),
    "the second by the system": lambda first, second: (first, _sealed(second.root, SYSTEM)),
    "the second by whom it names": lambda first, second: (first, next_version(first, ADA, settings=_settings(EVE))),
    "a third by one of two": lambda first, second: (first, second, next_version(second, ADA)),
    "without the rules": lambda first, second: (_sealed(replace(first.root, rules={}), ADA), second),
    "of other rules": lambda first, second: _followed(replace(first.root, rules=_lower(first.root)), second),
    "of another system": lambda first, second: _followed(replace(first.root, system=(str(EVE.public),)), second),
    "of other phases": lambda first, second: _followed(replace(first.root, phases=("release",)), second),
    "without bob": lambda first, second: _followed(replace(first.root, settings=_settings(ADA)), second),
}


def _settings(*keys: PrivateKey) -> dict[str, Any]:
    names = {ADA: "ada", BOB: "bob", EVE: "eve"}
    rows = [{"name": names[key], "public_key": str(key.public)} for key in keys]
    return {"managers": rows, "demo": False, "trust.threshold": 1}


def _lower(root: Root) -> dict[str, Any]:
    return {phase: {**rules, "quorum": 1} for phase, rules in root.rules.items()}


def _followed(first: Root, second: SignedRoot) -> Sequence[SignedRoot]:
    sealed = _sealed(first, ADA)
    changed = {name: getattr(first, name) for name in ("rules", "system", "phases", "settings")}
    return (sealed, _sealed(replace(second.root, before=sealed.digest, **changed), ADA))


@pytest.mark.parametrize("case", ROOTS)
async def test_gates_are_those_of_the_roots(told: Told, alone: Any, case: str) -> None:
    """Whoever writes other roots into the bundle cannot have the gates count under them, by whatever is known."""
    first, second = read_bundle(told.content).roots
    roots = ROOTS[case](first, second)
    content = _rooted(told, *roots)
    fingerprint = roots[0].digest if roots else FINGERPRINT
    assert not ours(content, keys=None, root=fingerprint)
    assert not theirs(alone, content, keys=None, root=fingerprint)
    assert not both(alone, content)


async def _rebound(folder: Path, **binds: Any) -> bytes:
    """A run at whose last gate the system opens and two managers sign what the root does not say."""
    house = team(folder)
    async with engine(house) as d:
        real = d.keeper.__class__._binds

        def bound(*args: Any) -> Binds:
            made = real(*args)
            return made.model_copy(update=binds) if made.gate.startswith("r1/release/") else made

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(d.keeper.__class__, "_binds", bound)
            await d.segments.advance(await d.start())
            await d.decide(DecisionKind.approve, await d.open_gate())
            if "root" in binds:
                d.team.versions.append(next_version(d.team.versions[0], ADA))
            await d.segments.advance("r1")
            await d.decide(DecisionKind.approve, await d.open_gate())
            if binds.get("quorum") != 1:
                await d.decide(DecisionKind.approve, await d.open_gate(), by="bob", key=BOB)
            await d.segments.advance("r1")
        return await bundled(d)


async def test_what_managers_signed_at_the_gate_itself_is_held_against_the_root(tmp_path: Path, alone: Any) -> None:
    """The system opens the gate with a lower quorum, or a list of its own, and who is asked signs what is shown."""
    assert both(alone, await _rebound(tmp_path / "as it is"))
    lists = {"ada": str(ADA.public), "bob": str(BOB.public), "mallory": str(SYSTEM.public)}
    wrong: list[dict[str, Any]] = [
        {"approvers": lists},
        {"delegates": {"mallory": str(SYSTEM.public)}},
        {"phases": ("release",)},
        {"root": "0" * 64},
        {"root": ""},
    ]
    for number, binds in enumerate(wrong):
        content = await _rebound(tmp_path / str(number), **binds)
        assert not ours(content, keys=None, root=FINGERPRINT), binds
        assert not theirs(alone, content, keys=None, root=FINGERPRINT), binds


async def test_a_revocation_cannot_be_cut_off(tmp_path: Path, alone: Any) -> None:
    """Until a manager signed what came after, a decision may have been taken back, and the gate is not passed."""
    async with engine(team(tmp_path / "house")) as d:
        await d.segments.advance(await d.start())
        await d.decide(DecisionKind.approve, await d.open_gate())
        approved = await bundled(d)
        await d.segments.advance("r1")
        opened = await bundled(d)
        await d.decide(DecisionKind.approve, await d.open_gate())
        followed = await bundled(d)
    for content, text, passed in (
        (approved, "gate 'plan' was approved by ada", []),
        (opened, "gate 'plan' was approved by ada", []),
        (followed, "gate 'plan' was passed by ada", ["plan"]),
    ):
        assert both(alone, content)
        assert text in {claim.text for claim in prove(read_bundle(content), People(KEYS))}
        assert alone.verify(content, None, (), False, FINGERPRINT)[2] == passed


async def test_a_decision_is_on_the_events_that_were_there(told: Told, alone: Any) -> None:
    """An event that came before a manager signed cannot be dropped, though it is none that the gate was opened on."""
    lines = _lines(told)
    decisions = [at for at, line in enumerate(lines) if "decision" in line]
    said = _told(lines[decisions[-1]])
    before = [_sha(base64.b64decode(line["event"]["payload"])) for line in lines if "event" in line]
    assert said["predicate"]["head"] in before
    events = [line for line in lines[: decisions[-1]] if "event" in line]
    assert said["predicate"]["head"] == _sha(base64.b64decode(events[-2]["event"]["payload"]))
    content = _forged(lines, "bob", BOB, {"head": "0" * 64})
    assert not both(alone, content)


async def test_a_bundle_from_before_roots_is_read_by_keys_alone(tmp_path: Path, alone: Any) -> None:
    house = replace(team(tmp_path / "house"), versions=[])
    async with engine(house) as d:
        await d.segments.advance(await d.start())
        await d.decide(DecisionKind.approve, await d.open_gate())
        await d.segments.advance("r1")
        lines = [json.loads(line) for line in (await bundled(d)).splitlines()]
    older = _whole([{**lines[0], "bundle": "phasegate/v1"}, *lines[2:]])
    for content in (_whole(lines), older):
        assert ours(content)
        assert theirs(alone, content)
        assert not ours(content, keys=None, root=FINGERPRINT)
        assert not theirs(alone, content, keys=None, root=FINGERPRINT)


async def test_who_was_renamed_has_the_name_of_the_root_that_a_gate_was_opened_under(told: Told) -> None:
    """And nobody else has it there, though a later root gives it to them."""
    read = read_bundle(told.content)
    rows = [("adele", ADA), ("ada", BOB), ("eve", EVE)]
    managers = [{"name": name, "public_key": str(key.public)} for name, key in rows]
    later = next_version(read.roots[0], ADA, settings={**read.roots[0].root.settings, "managers": managers})
    authority = Authority(replace(read, roots=(read.roots[0], later)), None, FINGERPRINT)
    names = [
        {key: found.name for key in (ADA, BOB) if (found := authority.people({"root": root.digest}).of(key.key_id))}
        for root in (read.roots[0], later)
    ]
    assert names == [{ADA: "ada", BOB: "bob"}, {ADA: "adele", BOB: "ada"}]


@pytest.mark.parametrize(("name", "key"), [("ada", EVE), ("eve", ADA)])
async def test_a_root_gives_nobody_two_names_and_no_name_two_keys(
    told: Told, alone: Any, name: str, key: PrivateKey
) -> None:
    first = read_bundle(told.content).roots[0]
    rows = [*first.root.settings["managers"][:2], {"name": name, "public_key": str(key.public)}]
    wrong = SignedRoot(replace(first.root, settings={**first.root.settings, "managers": rows}).encoded(), ())
    signed = wrong.with_signature(ADA)
    assert follow([signed]).wrong == "this is no root: two managers have one name or key"
    with pytest.raises(ValueError, match="version 1 of the root does not hold"):
        alone.roots([signed.as_json()], "")


@pytest.mark.parametrize(
    ("starter", "holds"),
    [("eve", True), ("ada", False), ("bob", False), ("", False)],
    ids=["another", "who approves", "the other who approves", "nobody known"],
)
async def test_whoever_started_a_run_is_none_of_its_approvers_where_they_may_not_be(
    tmp_path: Path, alone: Any, starter: str, holds: bool
) -> None:
    """The gate refuses it; here the system's key wrote the record of a gate that did not."""
    table = flow(
        phase("plan", checks=["tests-pass"]),
        phase("release", checks=["tests-pass"], gate={"name": "g", "quorum": 2, "author_may_approve": False}),
    )
    people = {**team(tmp_path).others, "eve": Manager(name="eve", card="manager", public_key=EVE.public)}
    roots = [sign_root(first_root(table), ADA)]
    house = replace(team(tmp_path / "house"), flow=table, others=people, versions=roots)
    async with engine(house) as d:
        begun = await d.start(by=starter)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("phasegate.workflow.gates.approvers._by_author", lambda *_: "")
            await d.segments.advance(begun)
            await d.decide(DecisionKind.approve, await d.open_gate())
            await d.segments.advance(begun)
            await d.decide(DecisionKind.approve, await d.open_gate())
            await d.decide(DecisionKind.approve, await d.open_gate(), by="bob", key=BOB)
            await d.segments.advance(begun)
        content = await bundled(d)
    fingerprint = house.versions[0].digest
    assert ours(content, keys=None, root=fingerprint) is holds
    assert theirs(alone, content, keys=None, root=fingerprint) is holds


def _starter(by: str, key: PrivateKey, **said: str) -> dict[str, Any]:
    """Return what an event says of somebody who signed, or did not, that they started the run."""
    predicate = {"run": "r1", "spec": "specs/001-thing", "by": by, "at": 0, **said}
    body = statement(RUN_START, {"r1": {"gitCommit": said.get("base", "")}}, predicate)
    return {
        "name": by,
        "key": key.public.key_id,
        "channel": "terminal",
        "envelope": seal(STATEMENT, body, key).as_json(),
    }


@pytest.mark.parametrize(
    "case", ["as it was", "another name", "another's key", "another run", "another commit", "unsigned"]
)
async def test_whoever_signed_that_they_started_a_run_did(tmp_path: Path, alone: Any, case: str) -> None:
    """The system's key wrote the first event anew, before anybody decided."""
    house = team(tmp_path / "house")
    async with engine(house) as d:
        await d.segments.advance(await d.start(by="bob", signer=BOB))
        content = await bundled(d)
    lines = [json.loads(line) for line in content.splitlines()]
    place = next(at for at, line in enumerate(lines) if "event" in line)
    event = _told(lines[place])
    base, signed = event["body"]["base"], event["body"]["starter"]
    event["body"]["starter"] = {
        "as it was": signed,
        "another name": signed | {"name": "ada"},
        "another's key": _starter("ada", BOB, base=base),
        "another run": _starter("bob", BOB, base=base, run="r2"),
        "another commit": _starter("bob", BOB, base="0" * 40),
        "unsigned": signed | {"envelope": _starter("bob", EVE, base=base)["envelope"]},
    }[case]
    lines[place], _ = _resealed(event)
    forged, fingerprint = _rechained(lines, place), house.versions[0].digest
    assert ours(forged, keys=None, root=fingerprint) is (case == "as it was")
    assert theirs(alone, forged, keys=None, root=fingerprint) is (case == "as it was")
