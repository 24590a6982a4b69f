"""A second opinion on a run's chain of events, from the entries alone."""

from collections.abc import Sequence

from phasegate.ledger import Entry, PublicKey


def first_break(chain: Sequence[Entry], key: PublicKey) -> int:
    """Return the number of the first event whose link or signature does not hold, or 0."""
    before = b""
    for number, event in enumerate(chain, start=1):
        follows = (event.seq, event.before) == (number, before)
        if not follows or not event.envelope(key.key_id).holds(key):
            return number
        before = event.digest
    return 0
