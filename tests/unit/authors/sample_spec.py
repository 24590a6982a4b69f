"""A small spec that goes through all phases in seconds, and a target repository that holds it."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from phasegate.authors import Brief, Facts
from phasegate.authors.compiler import Compiler
from phasegate.authors.kinds import RUNBOOK as RUNBOOK_KIND
from phasegate.core import FixedClock
from phasegate.ledger import PrivateKey
from phasegate.release import Builder
from phasegate.reports import open_desk
from phasegate.runbooks import price_table
from phasegate.runbooks.compiler.codegen import runtime_files
from phasegate.runbooks.compiler.test_generator import support_files
from phasegate.scaffold import Approver, Aws, NewRepository, add_manager, create_repository, establish_root, scaffold
from phasegate.team import Phase, load_team
from phasegate.trust import ROOTS

Tree = dict[str, bytes]

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
OWN = (ROOTS, "/approvers.json", ".sbom.json", ".sha256.json", "/RECORD")
"""Ends of the paths of files that hold a repository's own root, or digests of those."""
FOLDER = "specs/001-free-volumes"
SPEC = """# Feature Specification: Free volumes

Teams want to see volumes that nothing is attached to, because each of them is paid for.

## User Scenarios & Testing

### User Story 1 - See free volumes (Priority: P1)

A platform engineer wants a list of the volumes that are free.

**Why this priority**: Without the list there is nothing to decide.

**Independent Test**: Run it against known volumes and compare the ids.

**Acceptance Scenarios**:

1. **Given** a volume in state `available`, **When** the runbook runs, **Then** the volume is found (FR-001)
2. **Given** a volume in state `in-use`, **When** the runbook runs, **Then** the volume is not found (FR-001)

### Edge Cases

- A region cannot be read: the report says so.

## Requirements

### Functional Requirements

- **FR-001**: The runbook MUST find every EBS volume in state `available`, and no other.

## Success Criteria

### Measurable Outcomes

- **SC-001**: In an account with known volumes, the ids found are the ids expected, 100 % of them.

## Risk

- **Severity**: low
- **Blast radius**: none; it reads only
- **Data**: none is changed
- **Reversible**: there is nothing to undo
"""
RUNBOOK = """title: Free volumes
kind: waste
severity: low
scope: {regions: [us-east-1], accounts: current}

list: ec2.DescribeVolumes
id: VolumeId
match: "State == 'available'"
evidence: [Size, VolumeType]
"""
FACTS = Facts(run="r1", spec=FOLDER, project="acme-runbooks", package="acme_runbooks", started_at=NOW)


def files(spec: str = SPEC, runbook: str = RUNBOOK) -> dict[str, bytes]:
    return {f"{FOLDER}/spec.md": spec.encode(), f"{FOLDER}/runbook.yaml": runbook.encode()}


def sample_repository(
    folder: Path,
    *,
    endpoint: str = "http://127.0.0.1:9",
    managers: Mapping[str, PrivateKey] | None = None,
    spec: str = SPEC,
    runbook: str = RUNBOOK,
) -> Path:
    """Make a demonstration's repository with the spec in its working directory, and return the repository.

    Args:
        folder: where.
        endpoint: of its AWS account.
        managers: their keys by name, of whom the first signs its root; with none, its system's key does, so that the
            policy decides; None: it has no root.
        spec: text of spec.md.
        runbook: text of runbook.yaml.
    """
    people = tuple(Approver(name=name, public_key=str(key.public)) for name, key in (managers or {}).items())
    aws = Aws(endpoint_url=endpoint, region="us-east-1", as_of="2026-11-18T20:10:00Z")
    create_repository(
        folder, NewRepository(project="acme-runbooks", managers=people, aws=aws, demo=True), FixedClock(NOW)
    )
    for path, content in files(spec, runbook).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    if managers is not None:
        establish_root(folder, next(iter(managers.values()), None), FixedClock(NOW), commit=True)
    return folder


def manager_added(folder: Path, name: str = "Mara") -> PrivateKey:
    """Add a manager to a repository without a root, and return the key under which its root is made."""
    key = PrivateKey.generate()
    add_manager(folder, name, key.public)
    establish_root(folder, key, FixedClock(NOW))
    return key


def sign_again(folder: Path, by: str, key: PrivateKey) -> None:
    """Sign the working files as the next version of the root."""
    open_desk(folder).sign(by, key, NOW)


async def compiled(given: Mapping[str, bytes], facts: Facts, builder: Builder, until: str = "build") -> Tree:
    """What the compiler makes of a spec's folder in a new repository, phase by phase."""
    async for phase, files in by_phase(given, facts, builder):
        if phase.id == until:
            return files
    raise AssertionError(f"there is no phase '{until}'")


async def by_phase(given: Mapping[str, bytes], facts: Facts, builder: Builder) -> AsyncIterator[tuple[Phase, Tree]]:
    """Each phase with the tree that the compiler leaves behind it."""
    author, base = Compiler(builder), scaffolded(facts)
    files = dict(base)
    for phase in load_team(None).flow("sdlc").phases:
        for row in phase.authors:
            first = phase.id == "specify"
            brief = Brief(
                facts=facts,
                key=f"{phase.id}/1/1/{row.item}",
                kind=RUNBOOK_KIND,
                outputs=facts.paths(row.artifacts),
                phase=phase.id,
                role=row.role,
                item=row.item,
                round=1,
                files=files,
                base=base,
                handed_in=given if first else {},
            )
            written = (await author.draft(brief)).files
            files |= {path: content for path, content in written.items() if content is not None}
        yield phase, dict(files)


def scaffolded(facts: Facts) -> dict[str, bytes]:
    """A new target repository's files."""
    return scaffold(
        facts.project,
        package=facts.package,
        runtime=runtime_files(),
        prices=price_table(),
        support=support_files(facts.package),
    )
