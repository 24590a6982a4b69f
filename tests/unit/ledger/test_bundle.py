"""A bundle proves a run offline, and both verifiers see every tamper at every line."""

import base64
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from phasegate.core import PhasegateError
from phasegate.ledger import EVENT, STATEMENT, PrivateKey, seal
from phasegate.ledger.bundle import read_bundle
from phasegate.ledger.proof import prove
from unit.ledger.bundles import ADA, BOB, SYSTEM, WHEEL, Told, released, wheel

ALONE = Path(__file__).parents[3] / "docs" / "verify_bundle.py"
KEYS = [ADA.public, BOB.public]
Lines = list[dict[str, Any]]


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


def ours(content: bytes, *, keys: Any = KEYS, policies: bool = False, wheels: dict[str, bytes] | None = None) -> bool:
    """Whether our verifier says that everything holds."""
    try:
        return all(claim.holds for claim in prove(read_bundle(content), keys, wheels, policies=policies))
    except PhasegateError:
        return False


def theirs(
    alone: Any, content: bytes, *, keys: Any = KEYS, policies: bool = False, wheels: tuple[Path, ...] = ()
) -> bool:
    """Whether the stand-alone one does."""
    try:
        alone.verify(content, [str(key) for key in keys], wheels, policies)
    except Exception:
        return False
    return True


def both(alone: Any, content: bytes, **more: Any) -> bool:
    """What both say; they have to agree."""
    mine, other = ours(content, **more), theirs(alone, content, **more)
    assert mine == other
    return mine


def test_the_second_verifier_is_short_and_depends_on_cryptography_alone() -> None:
    text = ALONE.read_text()
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 150
    imported = re.findall(r"^(?:import|from) (\w+)", text, re.M)
    assert set(imported) - sys.stdlib_module_names == {"cryptography"}


async def test_an_untouched_bundle_holds(told: Told, alone: Any, tmp_path: Path) -> None:
    assert both(alone, told.content)
    file = tmp_path / WHEEL
    file.write_bytes(told.wheel)
    assert ours(told.content, wheels={WHEEL: told.wheel})
    assert theirs(alone, told.content, wheels=(file,))
    claims = {claim.text for claim in prove(read_bundle(told.content), KEYS, {WHEEL: told.wheel})}
    assert {"gate 'plan' was passed by ada", "gate 'release' was passed by ada, bob"} <= claims


async def test_another_wheel_does_not(told: Told, alone: Any, tmp_path: Path) -> None:
    file = tmp_path / WHEEL
    file.write_bytes(wheel(b"print('other')\n"))
    assert not ours(told.content, wheels={WHEEL: file.read_bytes()})
    assert not theirs(alone, told.content, wheels=(file,))


@pytest.mark.parametrize("keys", [[], [ADA.public], [BOB.public], [SYSTEM.public]])
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
        yield {**line, "bundle": "phasegate/v2"}
        yield {**line, "run": "r2"}
        yield {**line, "system": str(ADA.public)}
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
    import hashlib

    payload = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return {"event": seal(EVENT, payload, SYSTEM).as_json()}, hashlib.sha256(payload).hexdigest()
