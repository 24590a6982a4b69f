"""Writes the Python module of a runbook, and the runtime that it stands on."""

from phasegate.runbooks.emit.formatting import formatted
from phasegate.runbooks.emit.module import compile_module
from phasegate.runbooks.emit.runtime_files import runtime_files

__all__ = ["compile_module", "formatted", "runtime_files"]
