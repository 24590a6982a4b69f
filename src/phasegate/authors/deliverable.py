"""Seam between the engine and what a spec is built into."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from phasegate.core import Finding, Severity


@dataclass(frozen=True, kw_only=True)
class Deliverable:
    """A kind of deliverable: its files, its checks, and what the compiler writes of it."""

    name: str
    """What people call a spec of this kind, such as `runbook spec`."""
    source: str = ""
    """File of the spec's folder that makes a spec this kind, such as `runbook.yaml`; empty: none is needed."""
    files: tuple[str, ...] = ("*",)
    """Path patterns that drafts may write besides what the workflow says, with the placeholders of a workflow."""
    skips: frozenset[str] = frozenset()
    """Checks that have nothing to judge in it. A check that nobody lists here runs, so that a new one is not lost."""
    product: str = "released package of AWS runbooks"
    """What people call what comes out, as prompts say it."""
    prompts: str = ""
    """Suffix of the templates that are for this kind alone, such as `package`; a role without one has its usual one."""
    tests: tuple[str, ...] = ()
    """Path patterns of its test files, with the placeholders of a workflow."""
    code: tuple[str, ...] = ()
    """Path patterns of the modules whose coverage is measured, likewise."""
    allowed: tuple[str, ...] | None = None
    """Distributions that it may depend on without a person's word; None: those of a runbooks package."""
    tried: frozenset[str] = frozenset()
    """Items that are handed in only with passing tests, and in whose making the tests can be run."""
    compiled: frozenset[str] = frozenset()
    """Items that the compiler writes."""
    built: frozenset[str] = frozenset()
    """Those of them that follow from the rest, so that no model or assistant writes them in the compiler's place."""
    lint: Callable[[Mapping[str, bytes], str], list[Finding]] = field(repr=False)
    """Findings in the files of a spec's folder, which the second argument names."""
    risk: Callable[[Mapping[str, bytes], str], tuple[Severity, bool]] = field(repr=False)
    """Severity that the files declare, and whether something is destroyed that cannot be brought back."""
