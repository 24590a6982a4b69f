"""The runbook language: reading it, compiling it to Python, and running what was compiled.

A leaf of this package imports nothing of the others but `model`, `aws` and `expressions`; `lint`, `policy`, `prices` and
`tests_emit` are imported by their own names.
"""

from phasegate.runbooks.check import Where, check
from phasegate.runbooks.emit import compile_module, formatted, runtime_files
from phasegate.runbooks.model import Runbook, load, schema

__all__ = ["Runbook", "Where", "check", "compile_module", "formatted", "load", "runtime_files", "schema"]
