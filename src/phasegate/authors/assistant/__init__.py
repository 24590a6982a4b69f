"""Roles that a team's own assistant works as: orders become work items that it takes under a lease and hands in."""

from phasegate.authors.assistant.author import AssistantAuthor, AssistantReviewer
from phasegate.authors.assistant.items import Lease, WorkItem, WorkItems

__all__ = ["AssistantAuthor", "AssistantReviewer", "Lease", "WorkItem", "WorkItems"]
