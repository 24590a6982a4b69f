"""The runbook language: reading it, compiling it to Python, and running what was compiled.

`lint`, `policy`, `prices`, `documents` and `tests_emit` are imported by their own names: each needs more than reading.
"""

from phasegate.runbooks.check import Where, check
from phasegate.runbooks.emit import compile_module, formatted, runtime_files
from phasegate.runbooks.model import Runbook, load, schema

__all__ = ["Runbook", "Where", "check", "compile_module", "formatted", "load", "runtime_files", "schema"]
