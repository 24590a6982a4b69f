"""Addresses of databases, read here alone."""

from collections.abc import Callable, Mapping
from pathlib import Path

import sqlalchemy as sa

from phasegate.core import InvalidInput
from phasegate.store.database import Store
from phasegate.store.sqlite import SqliteStore

DEFAULT = "sqlite"
STORES: Mapping[str, Callable[[sa.URL], Store]] = {"sqlite": SqliteStore.at}
"""Constructors of stores from a URL, by the URL's scheme."""


def locate(state: Path, address: str = DEFAULT, stores: Mapping[str, Callable[[sa.URL], Store]] = STORES) -> Store:
    """Return the store at an address, without opening it.

    Args:
        state: State directory of the repository.
        address: `sqlite`, a file in the state directory, or a URL, such as `sqlite:////var/lib/phasegate.db`.
        stores: Constructors to choose from by the URL's scheme.

    Raises:
        InvalidInput: No store has addresses of that kind.
    """
    if address == DEFAULT:
        return SqliteStore.within(state)
    try:
        url = sa.make_url(address)
    except sa.exc.ArgumentError:
        url = None
    if url is None or url.get_backend_name() not in stores or not url.database:
        known = ", ".join(f"{scheme}:////PATH" for scheme in stores)
        raise InvalidInput(f"'{address}' is no address of a database", fix=f"use '{DEFAULT}' or {known}")
    return stores[url.get_backend_name()](url)
