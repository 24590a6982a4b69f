"""The runbook language: model, expressions and lint."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily
from phasegate.runbooks.language.functions import FUNCTIONS

if TYPE_CHECKING:
    from phasegate.runbooks.language.inventory import Counted as Counted
    from phasegate.runbooks.language.inventory import Inventory as Inventory

__all__ = ["FUNCTIONS"]

__getattr__ = lazily(__name__, __file__)
