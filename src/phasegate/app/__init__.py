"""The composition root: reads the configuration, builds the parts, hands them over."""

from phasegate.app.app import App, open_app
from phasegate.app.config import Config, JiraMirror, ManagerRow, Mirror, read_config
from phasegate.app.roles import CompilerRoles, Parts, Roles, TeamRoles
from phasegate.app.working_copy import WorkingCopy

__all__ = [
    "App",
    "CompilerRoles",
    "Config",
    "JiraMirror",
    "ManagerRow",
    "Mirror",
    "Parts",
    "Roles",
    "TeamRoles",
    "WorkingCopy",
    "open_app",
    "read_config",
]
