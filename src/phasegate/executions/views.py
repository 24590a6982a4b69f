"""Released runbooks, scans and findings as people and programs read them."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from phasegate.core.report import Report, Timestamp


class ScanState(StrEnum):
    """State of a scan."""

    running = "running"
    complete = "complete"
    incomplete = "incomplete"
    """Some call failed, so that not everything was looked at."""
    failed = "failed"
    """It gave no report."""
    interrupted = "interrupted"
    """Its process ended before it did."""

    @property
    def reported(self) -> bool:
        """Return whether there is a report."""
        return self in (ScanState.complete, ScanState.incomplete)


class FindingState(StrEnum):
    """State of a finding over all scans."""

    new = "new"
    """Seen by the newest scan of its place for the first time."""
    open = "open"
    came_back = "came-back"
    """It was fixed, and a later scan found it again."""
    fixed = "fixed"
    """A scan that looked at its place without a failed call did not find it any more."""
    skipped = "skipped"
    """The runbook now leaves it out on purpose."""
    waived = "waived"
    """A person accepts it, for a while."""
    false_positive = "false-positive"
    """A person says that it is none."""

    @property
    def stands(self) -> bool:
        """Return whether somebody should do something about it."""
        return self in (FindingState.new, FindingState.open, FindingState.came_back)


class Asked(Report):
    """Places and parameters of a scan, which are as the runbook has them where they are left out."""

    regions: tuple[str, ...] = ()
    except_regions: tuple[str, ...] = ()
    accounts: str = ""
    """`current`, `organization`, or ids with commas; empty: as the runbook has it."""
    params: Mapping[str, Any] = {}
    """Overridden parameters."""
    as_of: Timestamp | None = None
    """The time to judge by; None: when the scan runs."""
    profile: str = ""
    """AWS profile whose credentials are used; empty: those of the environment."""

    @property
    def usual(self) -> bool:
        """Return whether it judges as the runbook does, so that its result belongs to the history of findings."""
        return not self.params and self.as_of is None


class ScanView(Report):
    """A scan: what a released runbook found at one time, with nothing changed."""

    id: str
    runbook: str
    version: str
    wheel: str
    """SHA-256 of the released wheel that ran."""
    by: str
    state: ScanState
    begun_at: Timestamp
    ended_at: Timestamp | None
    asked: Asked
    counts: Mapping[str, int]
    """`judged`, `match`, `warn`, `skip` and `unknown`; empty without a report."""
    cost_per_month: Decimal | None
    """Of all matches whose price is known."""
    currency: str
    unpriced: int
    """Matches without a known price, which the sum leaves out."""
    errors: int
    """Kinds of calls that failed."""
    digest: str
    """SHA-256 of the report; empty without one."""
    recorded: bool
    """Whether it counts in the history of findings: it judged with the runbook's own parameters, by the clock."""
    problem: str
    """Why there is no report; empty where there is one."""


class RunbookView(Report):
    """A released runbook."""

    name: str
    title: str
    kind: str
    severity: str
    acts: bool
    """Whether it can change something, with an approval."""
    schedule: str
    """Cron expression that its spec asks for; empty: none."""
    version: str
    """Newest release that has it."""
    versions: tuple[str, ...]
    """All releases that have it, the newest first."""
    run: str
    """The run that released the newest."""
    permissions: tuple[str, ...]
    """IAM actions that its policy allows."""
    standing: int
    """Findings that are new, open or came back."""
    cost_per_month: Decimal
    """Of these, where the price is known."""
    currency: str
    last_scan: ScanView | None


class FindingView(Report):
    """A finding over all scans that counted."""

    id: str
    """16 hexadecimal digits: the same in every scan for the same runbook, account, region and item."""
    runbook: str
    account: str
    region: str
    item: str
    state: FindingState
    verdict: str
    """`match` or `warn`."""
    severity: str
    cost_per_month: Decimal | None
    """None: it has no cost, or the price is not known."""
    currency: str
    evidence: Mapping[str, Any]
    held_back: str
    """Why a change would leave it alone; empty: it would not."""
    first_seen: Timestamp
    last_seen: Timestamp
    fixed_at: Timestamp | None
    scan: str
    """The scan that saw it last."""
    version: str
    """Release that saw it last."""
    times_back: int
    """How often it came back after it was fixed."""
    mark_by: str
    """Who waived it or called it a false positive; empty: nobody."""
    mark_reason: str
    mark_until: Timestamp | None
    """When a waiver ends."""


def standing_state(row: Mapping[str, Any], now: datetime) -> FindingState:
    """Return the state of a finding at a time, from its row in the history."""
    if row["fixed_at"] is not None:
        return FindingState.skipped if row["closed_as"] == "skipped" else FindingState.fixed
    if row["mark"] == FindingState.false_positive.value:
        return FindingState.false_positive
    until = row["mark_until"]
    if row["mark"] == FindingState.waived.value and (until is None or until > int(now.timestamp())):
        return FindingState.waived
    if row["times_back"]:
        return FindingState.came_back
    return FindingState.new if row["first_scan"] == row["last_scan"] else FindingState.open
