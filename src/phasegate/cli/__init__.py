"""The terminal: each command is one call below."""

from phasegate.cli.root import main

__all__ = ["main"]
