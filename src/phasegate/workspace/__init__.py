"""The user's Git repository: trees, commits, differences.

Written straight into the object database, without a working directory, so that many runs can work at once.
"""

from phasegate.core import visible
from phasegate.workspace.changes import Change, changes
from phasegate.workspace.merging import Merged, Rule, Side
from phasegate.workspace.moving import copy_folder, move_folder
from phasegate.workspace.repository import Signature, Workspace
from phasegate.workspace.state import LINK

__all__ = [
    "LINK",
    "Change",
    "Merged",
    "Rule",
    "Side",
    "Signature",
    "Workspace",
    "changes",
    "copy_folder",
    "move_folder",
    "visible",
]
