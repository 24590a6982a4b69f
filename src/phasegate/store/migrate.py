"""Brings a database file to the newest schema."""

from importlib import resources
from pathlib import Path

import sqlalchemy as sa

from phasegate.core import InvalidInput
from phasegate.store.copies import keep_copy

NEWEST = "0009"


def upgrade(engine: sa.Engine) -> None:
    """Runs the migrations that the file has not seen; a file that is up to date costs one query.

    Args:
        engine: one whose transactions hold the write lock, so that of two who open a new file one migrates it.

    Raises:
        InvalidInput: a newer Phasegate made it.
    """
    with engine.begin() as connection:
        seen = _version(connection)
        if seen is not None and seen > NEWEST:
            raise InvalidInput(f"the database is of a newer Phasegate (schema {seen})", fix="update Phasegate")
        if seen not in (None, NEWEST):
            keep_copy(Path(str(engine.url.database)), f"schema-{seen}")
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
