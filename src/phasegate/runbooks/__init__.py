"""The runbook language, its compiler, and the runtime of compiled runbooks.

`language`, `compiler` and `prices` are imported by their own names, since each loads more than reading needs.
"""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily
from phasegate.runbooks.language.model import Runbook, load, schema

if TYPE_CHECKING:
    from phasegate.runbooks.prices import price_table as price_table

__all__ = ["Runbook", "load", "schema"]

__getattr__ = lazily(__name__, __file__)
