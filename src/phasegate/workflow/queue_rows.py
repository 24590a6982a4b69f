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

_FOREIGN = sa.text(
    "select workflow_uuid, coalesce(serialization, 'none') as named from workflow_status"
    " where serialization is not :ours or name is not :advance or class_name is not null or config_name is not null"
)


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
    found = connection.execute(_FOREIGN, {"ours": SERIALIZER.name(), "advance": name})
    return [ForeignRow(str(row.workflow_uuid), str(row.named)) for row in found]


def _refuse(_: object, __: str) -> NoReturn:
    raise ValueError("the row names pickle as its serializer, and nothing that is stored is unpickled")
