"""How a role produces an artifact, and how a reviewer judges one."""

from phasegate.authors.author import Author, Brief, Draft, Facts, ScriptedAuthor, digests_path
from phasegate.authors.check import CHECKS, Check, Report, Subject

__all__ = [
    "CHECKS",
    "Author",
    "Brief",
    "Check",
    "Draft",
    "Facts",
    "Report",
    "ScriptedAuthor",
    "Subject",
    "digests_path",
]
