"""The seam between the workflow and whoever judges."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from phasegate.authors.author import Facts
from phasegate.core import Finding

if TYPE_CHECKING:
    from phasegate.runbooks.language.inventory import Inventory

CHECKS = (
    "spec-lint",
    "runbook-lint",
    "trace",
    "criteria-coverage",
    "least-privilege",
    "destructive-action",
    "snapshot-before-change",
    "dry-run-default",
    "inventory",
    "bandit",
    "dependency-allow-list",
    "tests-pass",
    "coverage",
    "wheel-contents",
)
"""The names that a workflow can use."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is judged: one tree, against the one that was approved last."""

    facts: Facts
    phase: str
    tree: str
    """The tree's hash: what was found out about equal bytes may be used again."""
    files: Mapping[str, bytes]
    since: Mapping[str, bytes]
    """The files that were approved last."""
    inventory: "Inventory | None" = None
    """What the reviewer looked at first; None: nobody looked."""
    passed: Mapping[str, str] = field(default_factory=dict)
    """Evidence of what this check passed earlier in the run, by the digest of what it depended on."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a check found, and what it looked at."""

    findings: tuple[Finding, ...] = ()
    evidence: str = ""
    """A short line for the gate, such as `24 tests passed in 2.1 s`."""
    inputs: str = ""
    """Digest of all that the report depends on, where it may be used again for another tree; empty: it may not."""


class Check(Protocol):
    """Judges a tree."""

    async def __call__(self, subject: Subject) -> Report:
        """What it found; an empty report says that there is nothing to object to."""
        ...
