"""The composition root: reads the configuration, builds the parts, hands them over."""

from phasegate.app.app import App, open_app
from phasegate.app.config import Config, JiraMirror, Mirror, read_config
from phasegate.app.working_copy import WorkingCopy
from phasegate.trust import ManagerRow

__all__ = [
    "App",
    "Config",
    "JiraMirror",
    "ManagerRow",
    "Mirror",
    "WorkingCopy",
    "open_app",
    "read_config",
]
