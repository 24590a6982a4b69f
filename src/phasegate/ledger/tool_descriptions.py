"""Tool descriptions under their own digest, so that a text changed in the database is not found."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from phasegate.core import canonical, digest
from phasegate.store import Database, insert_or_update
from phasegate.store.schema import descriptions

LONGEST = 200_000
"""Bytes of one that are kept; of a longer one only the digest is known."""


class Descriptions:
    """Tool descriptions of a repository by the digests that grants pin."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, told: Iterable[Mapping[str, Any]]) -> None:
        """Keeps some."""
        texts = [canonical(each).decode() for each in told]
        rows = [{"digest": digest(text.encode()), "told": text} for text in texts if len(text) <= LONGEST]
        if rows:
            await self._database.write(_keep, rows)

    async def find(self, digests: Collection[str]) -> dict[str, str]:
        """Return known descriptions by digest, as canonical JSON."""
        found = await self._database.read(_find, sorted(set(digests)))
        return {name: text for name, text in found.items() if digest(text.encode()) == name}


def readable(told: str) -> bytes:
    """Return a stored description as a person reads it: its words, then the other fields as JSON."""
    said = json.loads(told)
    words = str(said.pop("description", ""))
    return f"{words}\n\n{json.dumps(said, indent=2, sort_keys=True, ensure_ascii=False)}\n".encode()


def _keep(connection: sa.Connection, rows: list[dict[str, str]]) -> None:
    connection.execute(insert_or_update(descriptions, ["digest"], ["told"]), rows)


def _find(connection: sa.Connection, digests: list[str]) -> dict[str, str]:
    query = sa.select(descriptions).where(descriptions.c.digest.in_(digests))
    return {row.digest: row.told for row in connection.execute(query)}
