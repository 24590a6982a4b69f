"""The runbook language: reading it, compiling it to Python, and running what was compiled.

`check`, `emit`, `lint`, `policy`, `prices`, `documents` and `tests_emit` are imported by their own names: each needs
more than reading.
"""

from phasegate.runbooks.language.model import Runbook, load, schema

__all__ = ["Runbook", "load", "schema"]
