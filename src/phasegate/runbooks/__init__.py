"""The runbook language, its compiler, and the runtime of compiled runbooks.

`language`, `compiler` and `prices` are imported by their own names, since each loads more than reading needs.
"""

from phasegate.runbooks.language.model import Runbook, load, schema

__all__ = ["Runbook", "load", "schema"]
