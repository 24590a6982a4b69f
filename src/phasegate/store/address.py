"""Addresses of databases, read here alone."""

from pathlib import Path

import sqlalchemy as sa

from phasegate.core import InvalidInput
from phasegate.store.database import Store
from phasegate.store.sqlite import SqliteStore

DEFAULT = "sqlite"


def locate(state: Path, address: str = DEFAULT) -> Store:
    """Return the store at an address, without opening it.

    Args:
        state: State directory of the repository.
        address: `sqlite`, a file in the state directory, or a URL, such as `sqlite:////var/lib/phasegate.db`.

    Raises:
        InvalidInput: No store has addresses of that kind.
    """
    if address == DEFAULT:
        return SqliteStore.within(state)
    try:
        url = sa.make_url(address)
    except sa.exc.ArgumentError:
        url = None
    if url is None or url.get_backend_name() != "sqlite" or not url.database:
        raise InvalidInput(f"'{address}' is no address of a database", fix=f"use '{DEFAULT}' or sqlite:////PATH")
    return SqliteStore(Path(url.database))
