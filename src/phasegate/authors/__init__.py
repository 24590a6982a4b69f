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
from phasegate.authors.role_tools import RoleTool, RoleTools, ScriptedTools, ToolAccess, ToolResult

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
    "RoleTool",
    "RoleTools",
    "ScriptedAuthor",
    "ScriptedReviewer",
    "ScriptedTools",
    "Subject",
    "ToolAccess",
    "ToolResult",
    "digests_path",
    "matches",
    "stray_paths",
]
