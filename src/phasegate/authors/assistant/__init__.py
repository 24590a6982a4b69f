"""Roles that a team's own assistant works as: orders become work items that it takes under a lease and hands in."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.authors.assistant.author import AssistantAuthor as AssistantAuthor
    from phasegate.authors.assistant.author import AssistantReviewer as AssistantReviewer
    from phasegate.authors.assistant.items import LEASE_SECONDS as LEASE_SECONDS
    from phasegate.authors.assistant.items import MOST_CHARACTERS as MOST_CHARACTERS
    from phasegate.authors.assistant.items import MOST_ROUNDS as MOST_ROUNDS
    from phasegate.authors.assistant.items import Lease as Lease
    from phasegate.authors.assistant.items import Order as Order
    from phasegate.authors.assistant.items import WorkItem as WorkItem
    from phasegate.authors.assistant.items import WorkItems as WorkItems

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

# Lists of gates know work items, and must not load the compiler that an author stands on.
__getattr__ = lazily(__name__, __file__)
