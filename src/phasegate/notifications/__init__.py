"""Notifications about runs: tickets, pages, cards and messages, none of which decides anything.

A run's events are the outbox: `notification` says which of them are to be told, `delivery` brings each place up to
date, one piece of news after the other, and `ledger.Mirrors` keeps how far each place is. Every call goes through the
tools, as the engine itself, under a manager's grant.
"""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily
from phasegate.notifications.loop import mirroring

if TYPE_CHECKING:
    from phasegate.notifications.setup import follower_of as follower_of
    from phasegate.notifications.setup import grant_all as grant_all

__all__ = ["mirroring"]

__getattr__ = lazily(__name__, __file__)
