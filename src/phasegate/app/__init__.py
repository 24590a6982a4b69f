"""The composition root: reads the configuration, builds the parts, hands them over."""

from phasegate.app.app import App, open_app
from phasegate.app.config import Config, read_config

__all__ = ["App", "Config", "open_app", "read_config"]
