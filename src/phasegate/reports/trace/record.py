"""Inputs of a trace: files, events and decisions of one run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from phasegate.authors import Facts
from phasegate.ledger import Decision, Entry, GateRecord, GateStatus, Run
from phasegate.reports.trace.model import Link, Node, Origin, Source


@dataclass(frozen=True, kw_only=True)
class GateVisit:
    """A gate with its subject and its decisions."""

    gate: GateRecord
    changed: tuple[str, ...]
    """Paths of the files that differ from what was approved before."""
    decisions: tuple[Decision, ...] = ()
    """In order, with what was revoked; several where the gate wants more than one approval."""

    @property
    def passed(self) -> bool:
        """True if the gate was decided and the run went on to the next phase."""
        standing = [each for each in self.decisions if not each.revoked]
        decided = self.gate.status is GateStatus.decided and bool(standing)
        return decided and all(each.statement.kind.passes for each in standing)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A run, or a spec that no run has taken."""

    facts: Facts
    run: Run | None
    files: Mapping[str, bytes]
    """The tree of the run's last gate; where it has none, the spec's folder as it lies in the working directory."""
    there: frozenset[str] = frozenset()
    """Paths of all the files of that tree."""
    passages: Sequence[GateVisit] = ()
    """The gates in the order in which they were opened."""
    events: Sequence[Entry] = ()
    wheels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What each wheel in the index holds, by file name."""

    @property
    def paths(self) -> list[str]:
        """The files that this run is about."""
        changed = {path for passage in self.passages for path in passage.changed}
        own = {self.module, self.tests}
        spec = f"{self.facts.spec}/"
        return sorted(p for p in self.files if p.startswith(spec) or p in changed or p in own)

    @property
    def module(self) -> str:
        """Path of the runbook's module."""
        return f"src/{self.facts.package}/runbooks/{self.facts.module}.py"

    @property
    def tests(self) -> str:
        """Path of the runbook's tests."""
        return f"tests/runbooks/test_{self.facts.module}.py"

    def text(self, path: str) -> str:
        """Return a file's text, or an empty string where there is none."""
        return self.files.get(path, b"").decode("utf-8", "replace")


def in_order(gates: Iterable[GateRecord], phases: Sequence[str]) -> list[GateRecord]:
    """Gates of one run as they were opened: two of one second are told apart by their phase and attempt."""
    return sorted(gates, key=lambda gate: (_place(gate.key.phase, phases), gate.key.attempt))


def _place(phase: str, phases: Sequence[str]) -> int:
    return phases.index(phase) if phase in phases else len(phases)


class Part(NamedTuple):
    """Some nodes and links of a trace."""

    nodes: list[Node]
    links: list[Link]


def at(path: str, line: int = 0) -> Origin:
    """A place in the tree."""
    return Origin(source=Source.file, where=f"{path}:{line}" if line else path)
