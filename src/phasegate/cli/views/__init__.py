"""Renderers of values as rich tables and panels."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.cli.views.gate import gate_summary as gate_summary


__getattr__ = lazily(__name__, __file__)
