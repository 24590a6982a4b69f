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
    """Verdict about an item."""

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
    """True if each item takes a call of its own, so that several are asked at the same time."""


@dataclass(frozen=True, kw_only=True)
class PageDetail:
    """Something that is looked up for many items at once."""

    name: str
    find: Callable[[Scan, Sequence[Row]], Sequence[Any]]
    """From the items of a page to one value for each, in their order."""


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """Declaration of a runbook module: functions that find, judge and change."""

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
    """Reason why an item that matches is left out, or None where it is not."""
    evidence: Callable[[Scan, Row], Mapping[str, Any]] | None = None
    cost: Callable[[Scan, Row], Cost] | None = None
    remediate: Callable[[Change, Row], None] | None = None
    has_worked: Callable[[Scan, Row | None], bool] | None = None
    """Test whether the change shows when the item is read again. The row is None where the item is gone."""
    guard: Guard = field(default_factory=Guard)
    calls: Sequence[str] = ()
    """Calls that a change can make, where one item alone does not tell."""
    changing: Sequence[str] = ()
    """Evidence that time changes by itself, such as an age: an approval is not bound to it."""
    whole_listing: bool = False
    """True if an expression names `_items`, so that the listing is held in memory."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Finding about one item."""

    runbook: str
    id: str
    account: str
    region: str
    verdict: Verdict
    severity: str
    reason: str = ""
    """Reason why it is skipped or unknown."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    changing: Sequence[str] = ()
    """Names of evidence that time changes by itself."""
    cost: Cost | None = None
    planned: Sequence[str] = ()
    """Calls that a change would make, in order: `ec2.create_snapshot`."""
    held_back: str = ""
    """Reason why a change would leave the item alone, or empty."""
    row: Row = field(default_factory=dict, repr=False, compare=False)
    """The item itself, for the remediation; not part of the report."""

    @property
    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that are the same in every scan for the same runbook, account, region, id."""
        return digest([self.runbook, self.account, self.region, self.id])[:16]

    @property
    def digest(self) -> str:
        """Return the digest that approves an item: of its place, its id, and the evidence that time does not change."""
        fixed = {name: value for name, value in self.evidence.items() if name not in self.changing}
        return item_digest(self.runbook, self.account, self.region, self.id, fixed)

    @property
    def will_change(self) -> bool:
        """Return whether a change, once approved, would touch the item."""
        return self.verdict is Verdict.match and not self.held_back

    def document(self) -> dict[str, Any]:
        """Return the finding as JSON."""
        return {
            "id": self.id,
            "fingerprint": self.fingerprint,
            "digest": self.digest,
            "account": self.account,
            "region": self.region,
            "verdict": str(self.verdict),
            "severity": self.severity,
            "reason": self.reason,
            "held_back": self.held_back,
            "evidence": dict(self.evidence),
            "cost": None if self.cost is None else self.cost.document(),
        }


@dataclass(frozen=True, kw_only=True)
class Report:
    """Report of a scan, with the calls that failed."""

    runbook: str
    title: str
    as_of: datetime
    params: Mapping[str, Any]
    regions: Sequence[str]
    judged: int
    """Items that were listed and passed the prefilter."""
    findings: Sequence[Finding]
    errors: Sequence[CallError]
    looked: Sequence[tuple[str, str, int]] = ()
    """Account, region, and how many items were judged there: a place that is not listed was not looked at."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Accounts that were not looked at on purpose, with the reason: a suspended one."""
    gone: Mapping[str, int] = field(default_factory=dict)
    """Rows that were there no more when they were asked about, counted by call."""
    actions: Sequence[str] = ()
    """Calls that a change would make, in order: `ec2.create_snapshot`."""
    changing: Sequence[str] = ()
    """Names of evidence that time changes by itself."""
    refusal: str = ""
    """Reason why no change would be made if all of this were approved now: too many, or a closed window."""

    @property
    def matches(self) -> list[Finding]:
        """Findings proper, which a remediation would change."""
        return [finding for finding in self.findings if finding.verdict is Verdict.match]

    @property
    def counts(self) -> dict[str, int]:
        """Counts of findings by verdict, and of items judged."""
        counted = {str(verdict): sum(f.verdict is verdict for f in self.findings) for verdict in Verdict}
        return {"judged": self.judged, **counted}

    @property
    def currency(self) -> str:
        """Currency of the sums, which is that of most matches."""
        priced = [f.cost.currency for f in self.matches if f.cost and f.cost.amount is not None]
        return max(sorted(set(priced)), key=priced.count, default="USD")

    @property
    def monthly_cost(self) -> float:
        """Cost of all matches whose cost is known, in the report's currency."""
        return self._sum(self.matches)

    @property
    def held_back_cost(self) -> float:
        """Cost of the matches that the guard would hold back."""
        return self._sum([finding for finding in self.matches if finding.held_back])

    def _sum(self, findings: Sequence[Finding]) -> float:
        costs = [finding.cost for finding in findings if finding.cost and finding.cost.currency == self.currency]
        return round(sum(cost.monthly for cost in costs if cost.monthly), 2)

    @property
    def unpriced(self) -> int:
        """Matches that should have a cost, but whose cost is unknown, or in another currency than the sum."""
        costs = [finding.cost for finding in self.matches if finding.cost is not None]
        return sum(1 for cost in costs if cost.amount is None or cost.currency != self.currency)

    @property
    def digest(self) -> str:
        """Digest that an approval is bound to: of the runbook, its parameters, its actions, and these matches."""
        return set_digest(self.runbook, self.params, self.actions, [finding.digest for finding in self.matches])

    def document(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "runbook": self.runbook,
            "title": self.title,
            "as_of": self.as_of.isoformat(),
            "params": dict(self.params),
            "regions": list(self.regions),
            "looked": [{"account": a, "region": r, "judged": judged} for a, r, judged in self.looked],
            "actions": list(self.actions),
            "changing": list(self.changing),
            "digest": self.digest,
            "counts": self.counts,
            "currency": self.currency,
            "cost_per_month": self.monthly_cost,
            "cost_held_back": self.held_back_cost,
            "refusal": self.refusal,
            "unpriced": self.unpriced,
            "findings": [finding.document() for finding in self.findings],
            "errors": [asdict(error) for error in self.errors],
            "left_out": dict(self.left_out),
            "gone": dict(self.gone),
        }


def digest(value: Any) -> str:
    """Return the SHA-256 of the value as sorted, compact JSON in 64 hexadecimal digits."""
    written = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(written.encode()).hexdigest()


def item_digest(runbook: str, account: str, region: str, id_: str, fixed: Mapping[str, Any]) -> str:
    """The digest of one match, from the evidence that time does not change."""
    return digest([runbook, account, region, id_, dict(fixed)])


def set_digest(runbook: str, params: Mapping[str, Any], actions: Sequence[str], items: Iterable[str]) -> str:
    """The digest of a set of matches, from theirs."""
    return digest([runbook, dict(params), list(actions), sorted(items)])
