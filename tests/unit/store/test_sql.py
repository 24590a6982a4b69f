import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from phasegate.store import insert_new, insert_or_update

TABLE = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Text, primary_key=True), sa.Column("select", sa.Text))


@pytest.mark.parametrize(
    ("clause", "ending"),
    [
        pytest.param(insert_new(TABLE), "ON CONFLICT DO NOTHING", id="any key"),
        pytest.param(insert_new(TABLE, ["id"]), "ON CONFLICT (id) DO NOTHING", id="one key"),
        pytest.param(
            insert_or_update(TABLE, ["id"], ["select"]),
            'ON CONFLICT (id) DO UPDATE SET "select" = excluded."select"',
            id="a column whose name is a word of SQL",
        ),
    ],
)
def test_both_databases_read_the_conflict(clause: sa.Insert, ending: str) -> None:
    for dialect in (sqlite.dialect(), postgresql.dialect()):  # type: ignore[no-untyped-call]
        sql = str(clause.values(id="ada", select="x").compile(dialect=dialect))
        assert sql.startswith("INSERT INTO t (")
        assert sql.endswith(f" {ending}")
