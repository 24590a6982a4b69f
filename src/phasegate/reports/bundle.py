"""A run's bundle, put together from ledger and repository, and claims about the releases that it stands on."""

from collections.abc import AsyncIterator
from fnmatch import fnmatchcase

from phasegate.app.app import App
from phasegate.authors import digests_path
from phasegate.ledger import Claim, GateRecord, GateStatus, Run
from phasegate.ledger.events import MergedRelease, ReleasesMerged, RunStarted
from phasegate.ledger.signing.bundle import File, read_bundle, write_bundle
from phasegate.ledger.signing.people import Known, People
from phasegate.ledger.signing.proof import prove
from phasegate.release import read_project
from phasegate.workflow.reports import merged


async def bundle(app: App, run: Run) -> bytes:
    """Return the proof of a run: its ledger, and the tree that was approved last."""
    gate = await released_gate(app, run)
    files = [File(*entry) for entry in app.workspace.listing(gate.commit)] if gate else []
    return write_bundle(
        run,
        await app.ledger.events(run.id),
        await app.ledger.decisions(run.id),
        roots=app.trust.read().chain.versions,
        tree=gate.tree if gate else "",
        files=files,
        built=_built(app, gate) if gate else ("", b""),
        system=app.keeper.system,
    )


async def proved(app: App, run: Run) -> list[Claim]:
    """Return the claims of a run's bundle, by the root that is known here."""
    chain = app.trust.read().chain
    read, started = read_bundle(await bundle(app, run)), await app.ledger.events_of(run.id, RunStarted)
    if any(event.terms and event.terms.root for event in started):
        return prove(read, None, root=chain.fingerprint, policies=bool(run.policy))
    # From before there was a root: what people signed then names no version, and counts by their keys.
    named: dict[str, Known] = {}
    for version in chain.versions:
        for name, key in version.root.managers.items():
            named.setdefault(key.key_id, Known(key, name))
    return prove(read, People(named.values()), policies=bool(run.policy))


async def released_gate(app: App, run: Run) -> GateRecord | None:
    """The last phase's gate, where it was passed."""
    found = None
    for gate in await app.ledger.gates(run.id):
        decision = await app.ledger.decision(gate.key)
        if gate.key.phase == app.flow.phase_ids[-1] and decision and decision.statement.kind.passes:
            found = gate
    return found


def _built(app: App, gate: GateRecord) -> tuple[str, bytes]:
    tree = app.workspace.tree(gate.commit)
    path = digests_path(read_project(tree).version)
    return (path, tree[path]) if path in tree else ("", b"")


async def earlier(app: App, run: Run, gate: GateRecord) -> AsyncIterator[Claim]:
    """Return claims for each release that the run was put on top of, and for the origin of each file."""
    onto = merged(await app.ledger.events_of(run.id, ReleasesMerged), gate.key.phase, gate.key.attempt)
    if onto is None:
        return
    for tip in onto.onto:
        yield await _approved(app, tip)
    yield await _origin(app, gate, onto)


async def _approved(app: App, tip: MergedRelease) -> Claim:
    name = f"release {tip.version}, on which it stands,"
    if not tip.run:
        return Claim(text=f"{name} was made by hand", holds=True, detail="its files were shown whole at the gate")
    other = await app.ledger.run(tip.run)
    gate = await released_gate(app, other)
    claims = await proved(app, other)
    wrong = next((claim.text for claim in claims if not claim.holds), "")
    tree = app.workspace.tree_id(tip.commit)
    if not gate or gate.tree != tree:
        wrong = "its tree is another one"
    return Claim(text=f"{name} was approved in run {other.id}", holds=not wrong, detail=wrong or f"tree {tree[:12]}")


async def _origin(app: App, gate: GateRecord, onto: ReleasesMerged) -> Claim:
    """Each file is as it was approved before the release phase, or as a release has it, or drafted in the phase."""
    phase = app.flow.phase(gate.key.phase)
    before = app.flow.phase_ids[: app.flow.phase_ids.index(phase.id)][-1:]
    own = [g.commit for g in await app.ledger.gates(gate.key.run, GateStatus.decided) if g.key.phase in before]
    commits = [*own[-1:], *(tip.commit for tip in onto.onto)]
    known = {entry for commit in commits for entry in app.workspace.listing(commit)}
    new = [path for mode, path, blob in app.workspace.listing(gate.commit) if (mode, path, blob) not in known]
    strays = [
        path
        for path in new
        if path not in onto.mixed and not any(fnmatchcase(path, pattern) for pattern in phase.produces)
    ]
    return Claim(
        text="every other file is as it was approved in this run or in a release before it",
        holds=not strays,
        detail=", ".join(strays[:3]) or f"{len(new)} files are drafts of the phase",
    )
