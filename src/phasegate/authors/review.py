"""Seam between the workflow and whoever judges: checks, and reviewers that are made of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from phasegate.authors.author import Facts, Observations
from phasegate.authors.deliverable import Deliverable
from phasegate.core import Finding, InvalidInput, PhasegateError, Severity
from phasegate.models import Spent

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
    "approved-tests",
    "wheel-contents",
)
"""Names of checks that a workflow can use."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A tree to be judged against the one that was approved last."""

    facts: Facts
    key: str
    """Name of the review within the run, `PHASE/ATTEMPT/ROUND/NAME`; one that is asked for again has the same."""
    kind: Deliverable
    phase: str
    checks: tuple[str, ...]
    """Checks that the workflow has this reviewer answer for."""
    tree: str
    """The tree's hash: what was found out about equal bytes may be used again."""
    files: Mapping[str, bytes]
    since: Mapping[str, bytes]
    """The files that were approved last."""
    observations: Observations = field(default_factory=dict)
    reads: tuple[str, ...] = ("{spec}/*",)
    """Path patterns of the artifacts that the role needs, with the placeholders of a workflow."""
    earlier: Mapping[str, bytes] = field(default_factory=dict)
    """The files that this reviewer judged in the round before; empty in an attempt's first round."""
    findings: tuple[Finding, ...] = ()
    """Findings of the reviewer's own round before."""
    comments: tuple[str, ...] = ()
    """What the manager asked the phase's authors for."""
    passed: Mapping[str, str] = field(default_factory=dict)
    """Evidence of what this check passed earlier in the run, by the digest of what it depended on."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Findings of one check or one model call, and what they rest on."""

    check: str = ""
    """Check whose report it is; empty: it is the reviewer's own."""
    findings: tuple[Finding, ...] = ()
    evidence: str = ""
    """A short line for the gate, such as `24 tests passed in 2.1 s`."""
    model: str = ""
    """Chat model that judged; empty: none did."""
    spent: Spent | None = None
    """What the calls of the model used; None: none was called."""
    sent_back: tuple[str, ...] = ()
    """Faults for which the model was asked again before this report."""
    inputs: str = ""
    """Digest of all that the report depends on, where it may be used again for another tree; empty: it may not."""


class Check(Protocol):
    """Judges a tree."""

    async def __call__(self, subject: Subject) -> Report:
        """Return the check's report, empty where there is nothing to object to.

        Raises:
            InvalidInput: an artifact cannot be read, which a reviewer makes a finding of.
        """


class Reviewer(Protocol):
    """Judges a tree in the name of a role."""

    async def review(self, subject: Subject) -> Sequence[Report]:
        """Return a report for each check of the subject, and any that the reviewer has besides.

        A reviewer adds findings to those of the checks, removes none, and opens no gate. A run that is killed asks
        again with an equal subject.

        Raises:
            NotReady: the review will be handed in later, after which the run is dispatched again.
        """


@dataclass(frozen=True)
class CheckReviewer:
    """Reviews by the checks that the workflow names, side by side."""

    checks: Mapping[str, Check]
    """By name."""

    async def review(self, subject: Subject) -> Sequence[Report]:
        """Return the reports of the subject's checks, in their order."""
        return await asyncio.gather(*(self._report(name, subject) for name in subject.checks))

    async def _report(self, name: str, subject: Subject) -> Report:
        if name in subject.kind.skips:
            return Report(check=name, evidence=f"{name}: nothing to judge in a {subject.kind.name}")
        try:
            return replace(await self.checks[name](subject), check=name)
        except InvalidInput as error:
            return Report(check=name, findings=(_unreadable(name, subject, error),))


def _unreadable(check: str, subject: Subject, error: InvalidInput) -> Finding:
    first = error.findings[0] if error.findings else None
    return Finding(
        check=check,
        rule="unreadable",
        severity=Severity.high,
        path=first.path if first else subject.facts.spec,
        line=first.line if first else 0,
        message=str(error),
        fix=error.fix,
    )


class FunctionReviewer:
    """Double that calls a function."""

    def __init__(self, judge: Callable[[Subject], Awaitable[Sequence[Report]]]) -> None:
        self._judge = judge

    async def review(self, subject: Subject) -> Sequence[Report]:
        """Call the function."""
        return await self._judge(subject)


class ScriptedReviewer:
    """Double that returns a list of reviews, one a call."""

    def __init__(self, reviews: Iterable[Sequence[Report]]) -> None:
        self._reviews = iter(reviews)

    async def review(self, subject: Subject) -> Sequence[Report]:
        """Return the next review.

        Raises:
            PhasegateError: the list is used up.
        """
        review = next(self._reviews, None)
        if review is None:
            raise PhasegateError(f"no review is left for '{subject.key}'", fix="add one to the list of this reviewer")
        return review
