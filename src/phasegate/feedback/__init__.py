"""Specs that wait for a run: the backlog, and proposals handed in by others."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.feedback.proposals import MOST as MOST
    from phasegate.feedback.proposals import Proposals as Proposals


__getattr__ = lazily(__name__, __file__)
