"""Roles that a chat model works as: authors whose drafts and reviewers whose findings it hands in."""

from phasegate.authors.model.author import ModelAuthor
from phasegate.authors.model.conversation import Worker
from phasegate.authors.model.reviewer import ModelReviewer
from phasegate.authors.model.toolbox import RoleToolbox

__all__ = ["ModelAuthor", "ModelReviewer", "RoleToolbox", "Worker"]
