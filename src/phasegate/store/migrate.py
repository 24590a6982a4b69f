"""Migrations of a database to the newest schema."""

from collections.abc import Callable
from importlib import resources

import sqlalchemy as sa

from phasegate.core import InvalidInput

NEWEST = "0013"


def upgrade(engine: sa.Engine, before: Callable[[str], None] = lambda seen: None) -> None:
    """Run pending migrations, at the cost of one query where there is none.

    Args:
        engine: One whose transactions hold the write lock, so that of two who open a new database one migrates it.
        before: Called with the schema of an older database before it is migrated, such as to keep a copy.

    Raises:
        InvalidInput: A newer Phasegate made it.
    """
    with engine.begin() as connection:
        seen = _version(connection)
        if seen is not None and seen > NEWEST:
            raise InvalidInput(f"the database is of a newer Phasegate (schema {seen})", fix="update Phasegate")
        if seen not in (None, NEWEST):
            before(seen)
        if seen != NEWEST:
            _upgrade(connection)


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("select version_num from alembic_version")).scalar()


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command  # it takes 0.3 s to load, and is needed once in the life of a file
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(resources.files("phasegate.store") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
