"""Rows of the queue's library as data: a row never says how it is to be read.

The library reads each row with the serializer that the row names, and one of them is pickle: whoever can write the
database file could have a worker run code.
"""

from typing import NamedTuple, NoReturn

import sqlalchemy as sa
from dbos import DBOSPortableJSONSerializer
from dbos._serialization import DefaultSerializer

SERIALIZER = DBOSPortableJSONSerializer()
"""The one that segments are written and read with."""

_COLUMNS = ("workflow_uuid", "serialization", "name", "class_name", "config_name")
_STATUS = sa.table("workflow_status", *(sa.column(name, sa.Text) for name in _COLUMNS))


class ForeignRow(NamedTuple):
    """A row of the queue that Phasegate did not write."""

    id: str
    """Of its segment: `RUN:NUMBER`, as far as it was left so."""
    serializer: str
    """The serializer that it names."""

    @property
    def run(self) -> str:
        """The run that it claims to be a segment of."""
        return self.id.rpartition(":")[0]


def forbid_pickle() -> None:
    """Takes the library's way to pickle away from this process, for every table and every later version of a path.

    All of its readers end in this one method. A row that names pickle is then an error of that row, and runs nothing.
    """
    DefaultSerializer.deserialize = _refuse  # type: ignore[method-assign, assignment]


def foreign_rows(connection: sa.Connection, name: str) -> list[ForeignRow]:
    """Rows that name another serializer or another function than segments do, whatever their status.

    Args:
        connection: to the queue's tables.
        name: of the function that segments call.
    """
    named = _STATUS.c.serialization
    strange = sa.or_(
        named.is_distinct_from(SERIALIZER.name()),
        _STATUS.c.name.is_distinct_from(name),
        _STATUS.c.class_name.is_not(None),
        _STATUS.c.config_name.is_not(None),
    )
    found = connection.execute(sa.select(_STATUS.c.workflow_uuid, sa.func.coalesce(named, "none")).where(strange))
    return [ForeignRow(str(segment), str(serializer)) for segment, serializer in found]


def _refuse(_: object, __: str) -> NoReturn:
    raise ValueError("the row names pickle as its serializer, and nothing that is stored is unpickled")
