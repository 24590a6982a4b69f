"""A released run of two phases in a small house, with its wheel, as a bundle."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.authors import Brief, Draft, Report, Subject
from phasegate.ledger import DecisionKind, GateStatus, PrivateKey
from phasegate.ledger.signing.bundle import File, write_bundle
from phasegate.ledger.signing.roots import Root, SignedRoot, sign_root
from phasegate.team import Flow
from phasegate.workflow import Manager
from unit.workflow.fixtures import Engine, Team, engine, flow, phase

BUILT = "docs/releases/0.1.0.sha256.json"
WHEEL = "acme-0.1.0-py3-none-any.whl"
SOURCE = b"print('hello')\n"
ADA, BOB, EVE, SYSTEM = (PrivateKey(Ed25519PrivateKey.generate()) for _ in range(4))


def wheel(source: bytes = SOURCE) -> bytes:
    """A wheel of one module; the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in (("acme/__init__.py", source), ("acme-0.1.0.dist-info/METADATA", b"Name: acme\n")):
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


async def _write(brief: Brief) -> Draft:
    if brief.phase == "plan":
        return Draft(
            files={"plan.md": f"# Plan {len(brief.comments)}\n".encode()}, message="plan", answers=_answers(brief)
        )
    built = {WHEEL: hashlib.sha256(wheel()).hexdigest()}
    return Draft(
        files={"src/acme/__init__.py": SOURCE, BUILT: json.dumps(built).encode()}, message="release", answers=()
    )


def _answers(brief: Brief) -> tuple[str, ...]:
    return tuple("done" for _ in brief.comments)


async def _tests(subject: Subject) -> Report:
    return Report(evidence="3 of 3 tests passed")


def first_root(flow: Flow, **more: Any) -> Root:
    """Return the first version of a root that names ada, bob and eve, and the rules of the workflow."""
    people = {"ada": ADA, "bob": BOB, "eve": EVE}
    made = Root(
        version=1,
        repository="r" * 32,
        before="",
        at=0,
        settings={
            "managers": [{"name": name, "public_key": str(key.public)} for name, key in people.items()],
            "demo": False,
            "trust.threshold": 1,
        },
        files={},
        phases=tuple(flow.phase_ids),
        rules={phase.id: phase.gate.model_dump(mode="json") for phase in flow.phases},
        system=(str(SYSTEM.public),),
    )
    return replace(made, **more)


def next_version(last: SignedRoot, *signers: PrivateKey, **more: Any) -> SignedRoot:
    """Return the version after another, by default with a threshold of two, under these keys."""
    settings = {**last.root.settings, "trust.threshold": 2}
    more = {"version": last.root.version + 1, "before": last.digest, "settings": settings, **more}
    made = SignedRoot(replace(last.root, **more).encoded(), ())
    for signer in signers:
        made = made.with_signature(signer)
    return made


def team(folder: Path) -> Team:
    """The first gate wants one approval, the second two."""
    table = flow(
        phase("plan", checks=["tests-pass"]),
        phase("release", checks=["tests-pass"], gate={"name": "release", "quorum": 2}),
    )
    bob = Manager(name="bob", card="manager", public_key=BOB.public)
    checks = {"tests-pass": _tests}
    return Team(
        folder,
        flow=table,
        author=_write,
        checks=checks,
        key=ADA,
        system=SYSTEM,
        others={"bob": bob},
        versions=[sign_root(first_root(table), ADA)],
    )


@dataclass(frozen=True)
class Told:
    """A bundle, line by line, and the wheel that it is about."""

    lines: tuple[bytes, ...]
    wheel: bytes

    @property
    def content(self) -> bytes:
        return b"".join(line + b"\n" for line in self.lines)


async def released(folder: Path, policy: str = "") -> Told:
    """Changes are requested once, then every gate is passed."""
    async with engine(team(folder)) as d:
        await d.segments.advance(await d.start(policy))
        if not policy:
            await d.decide(DecisionKind.request_changes, await d.open_gate(), "why?")
            await d.segments.advance("r1")
            await d.decide(DecisionKind.approve, await d.open_gate())
            d.team.versions.append(next_version(d.team.versions[0], ADA))
            await d.segments.advance("r1")
            await d.decide(DecisionKind.approve, await d.open_gate())
            await d.decide(DecisionKind.approve, await d.open_gate(), by="bob", key=BOB)
            await d.segments.advance("r1")
        return Told(tuple((await bundled(d)).splitlines()), wheel())


async def bundled(d: Engine) -> bytes:
    """The bundle of the only run."""
    gates = [gate for gate in await d.ledger.gates("r1", GateStatus.decided) if gate.key.phase == "release"]
    gate = gates[-1] if gates else None
    files = [File(*entry) for entry in d.workspace.listing(gate.commit)] if gate else []
    return write_bundle(
        await d.ledger.run("r1"),
        await d.ledger.events("r1"),
        await d.ledger.decisions("r1"),
        roots=d.team.versions,
        tree=gate.tree if gate else "",
        files=files,
        built=(BUILT, d.workspace.tree(gate.commit)[BUILT]) if gate else ("", b""),
        system=SYSTEM,
    )
