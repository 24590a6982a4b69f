"""Notifications about runs: tickets, pages, cards and messages, none of which decides anything.

A run's events are the outbox: `news` says which of them are to be told, `following` brings each place up to date, one
piece of news after the other, and `ledger.Mirrors` keeps how far each place is. Every call goes through the tools, as
the engine itself, under a manager's grant.
"""

from phasegate.notifications.loop import mirroring

__all__ = ["mirroring"]
