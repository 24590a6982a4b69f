"""Roles that a chat model works as: authors whose drafts and reviewers whose findings it hands in."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.authors.model.author import ModelAuthor as ModelAuthor
    from phasegate.authors.model.conversation import Worker as Worker
    from phasegate.authors.model.reviewer import ModelReviewer as ModelReviewer
    from phasegate.authors.model.toolbox import RoleToolbox as RoleToolbox

__all__ = ["ModelAuthor", "ModelReviewer", "RoleToolbox", "Worker"]

# Lists of gates know the shapes of answers, and must not load the compiler that an author stands on.
__getattr__ = lazily(__name__, __file__)
