"""Released runbooks at work: scans, what they found over time, and approvals of changes."""

from phasegate.executions.executions import Executions, executions_of, words
from phasegate.executions.released import Package, Releases
from phasegate.executions.scans import Scans, newest_first
from phasegate.executions.views import Asked, FindingState, FindingView, RunbookView, ScanState, ScanView

__all__ = [
    "Asked",
    "Executions",
    "FindingState",
    "FindingView",
    "Package",
    "Releases",
    "RunbookView",
    "ScanState",
    "ScanView",
    "Scans",
    "executions_of",
    "newest_first",
    "words",
]
