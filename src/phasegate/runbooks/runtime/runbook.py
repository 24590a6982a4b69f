"""A runbook as its module declares it, and what a scan of it finds."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from .changes import Change, Guard
from .errors import CallError
from .prices import Cost
from .scan import Row, Scan


class Verdict(StrEnum):
    """What is said of an item."""

    match = "match"
    warn = "warn"
    skip = "skip"
    """Would be a match or a warning, and was left out on purpose."""
    unknown = "unknown"
    """A call failed or data is missing, so that nothing can be said."""


@dataclass(frozen=True, kw_only=True)
class Detail:
    """Something that is looked up for each item before it is judged."""

    name: str
    """The key under which the item gets it."""
    find: Callable[[Scan, Row], Any]
    calls: bool = False
    """Whether each item takes a call of its own, so that several are asked at the same time."""


@dataclass(frozen=True, kw_only=True)
class PageDetail:
    """Something that is looked up for many items at once."""

    name: str
    find: Callable[[Scan, Sequence[Row]], Sequence[Any]]
    """From the items of a page to one value for each, in their order."""


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """What a module of the package declares: how to find, to judge, and to change."""

    name: str
    title: str
    kind: str
    severity: str
    list_items: Callable[[Scan], Iterable[Row]]
    identify: Callable[[Scan, Row], str]
    """Unique within account and region."""
    is_match: Callable[[Scan, Row], bool]
    regions: str | tuple[str, ...] = "all"
    """`all`, `global`, or their names."""
    accounts: str | tuple[str, ...] = "current"
    """`current`, `organization`, or their ids."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Defaults; the command line overrides them."""
    schedule: str = ""
    is_candidate: Callable[[Scan, Row], bool] | None = None
    """A cheap test before any call per item."""
    details: Sequence[Detail | PageDetail] = ()
    is_warning: Callable[[Scan, Row], bool] | None = None
    skip_reason: Callable[[Scan, Row], str | None] | None = None
    """Why an item that matches is left out; None where it is not."""
    evidence: Callable[[Scan, Row], Mapping[str, Any]] | None = None
    cost: Callable[[Scan, Row], Cost] | None = None
    remediate: Callable[[Change, Row], None] | None = None
    has_worked: Callable[[Scan, Row | None], bool] | None = None
    """Whether the change shows when the item is read again; the row is None where the item is gone."""
    guard: Guard = field(default_factory=Guard)
    whole_listing: bool = False
    """Whether an expression names `_items`, so that the listing is held in memory."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is said of one item."""

    runbook: str
    id: str
    account: str
    region: str
    verdict: Verdict
    severity: str
    reason: str = ""
    """Why it is skipped or unknown."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    cost: Cost | None = None
    row: Row = field(default_factory=dict, repr=False, compare=False)
    """The item itself, for the remediation; not part of the report."""

    @property
    def fingerprint(self) -> str:
        """The same in every scan for the same runbook, account, region and id; 16 hexadecimal digits."""
        return digest([self.runbook, self.account, self.region, self.id])[:16]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "id": self.id,
            "fingerprint": self.fingerprint,
            "account": self.account,
            "region": self.region,
            "verdict": str(self.verdict),
            "severity": self.severity,
            "reason": self.reason,
            "evidence": dict(self.evidence),
            "cost": None if self.cost is None else asdict(self.cost),
        }


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a scan found, and where it could not look."""

    runbook: str
    title: str
    as_of: datetime
    params: Mapping[str, Any]
    regions: Sequence[str]
    judged: int
    """Items that were listed and passed the prefilter."""
    findings: Sequence[Finding]
    errors: Sequence[CallError]
    actions: Sequence[str] = ()
    """What a remediation would call, in order: `ec2.CreateSnapshot`."""

    @property
    def matches(self) -> list[Finding]:
        """Findings proper: those that a remediation would change."""
        return [finding for finding in self.findings if finding.verdict is Verdict.match]

    @property
    def counts(self) -> dict[str, int]:
        """Findings by verdict, and items judged."""
        counted = {str(verdict): sum(f.verdict is verdict for f in self.findings) for verdict in Verdict}
        return {"judged": self.judged, **counted}

    @property
    def monthly_cost(self) -> float:
        """Of all matches whose cost is known."""
        known = (finding.cost.monthly for finding in self.matches if finding.cost and finding.cost.monthly)
        return round(sum(known), 2)

    @property
    def unpriced(self) -> int:
        """Matches that should have a cost, but whose cost is unknown."""
        return sum(1 for finding in self.matches if finding.cost is not None and finding.cost.amount is None)

    @property
    def digest(self) -> str:
        """What an approval is bound to: the runbook, its parameters, its actions, and exactly these matches."""
        found = sorted([finding.account, finding.region, finding.id] for finding in self.matches)
        return digest([self.runbook, dict(self.params), list(self.actions), found])

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "runbook": self.runbook,
            "title": self.title,
            "as_of": self.as_of.isoformat(),
            "params": dict(self.params),
            "regions": list(self.regions),
            "actions": list(self.actions),
            "digest": self.digest,
            "counts": self.counts,
            "cost_per_month": self.monthly_cost,
            "unpriced": self.unpriced,
            "findings": [finding.document() for finding in self.findings],
            "errors": [asdict(error) for error in self.errors],
        }


def digest(value: Any) -> str:
    """SHA-256 over the value as sorted, compact JSON; 64 hexadecimal digits."""
    written = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(written.encode()).hexdigest()
