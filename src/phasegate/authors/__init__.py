"""Seams of a run: who writes artifacts, who judges them, and what kind of deliverable they make."""

from phasegate.authors.author import (
    Author,
    Brief,
    Draft,
    Facts,
    FunctionAuthor,
    NotReady,
    Observations,
    ScriptedAuthor,
    digests_path,
    matches,
    stray_paths,
)
from phasegate.authors.deliverable import Deliverable
from phasegate.authors.review import (
    CHECKS,
    Check,
    CheckReviewer,
    FunctionReviewer,
    Report,
    Reviewer,
    ScriptedReviewer,
    Subject,
)
from phasegate.authors.role_tools import RoleTools, ScriptedTools, ToolAccess, ToolResult, ToolSpec

__all__ = [
    "CHECKS",
    "Author",
    "Brief",
    "Check",
    "CheckReviewer",
    "Deliverable",
    "Draft",
    "Facts",
    "FunctionAuthor",
    "FunctionReviewer",
    "NotReady",
    "Observations",
    "Report",
    "Reviewer",
    "RoleTools",
    "ScriptedAuthor",
    "ScriptedReviewer",
    "ScriptedTools",
    "Subject",
    "ToolAccess",
    "ToolResult",
    "ToolSpec",
    "digests_path",
    "matches",
    "stray_paths",
]
