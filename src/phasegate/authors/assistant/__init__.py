"""Roles that a team's own assistant works as: orders become work items that it takes under a lease and hands in."""

from phasegate.authors.assistant.author import AssistantAuthor, AssistantReviewer
from phasegate.authors.assistant.items import (
    LEASE_SECONDS,
    MOST_CHARACTERS,
    MOST_ROUNDS,
    Lease,
    Order,
    WorkItem,
    WorkItems,
)

__all__ = [
    "LEASE_SECONDS",
    "MOST_CHARACTERS",
    "MOST_ROUNDS",
    "AssistantAuthor",
    "AssistantReviewer",
    "Lease",
    "Order",
    "WorkItem",
    "WorkItems",
]
