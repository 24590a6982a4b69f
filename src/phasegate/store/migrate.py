"""Brings a database file to the newest schema."""

from importlib import resources

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncEngine

from phasegate.core import InvalidInput

NEWEST = "0001"


async def upgrade(engine: AsyncEngine) -> None:
    """Runs the migrations that the file has not seen; a file that is up to date costs one query.

    Raises:
        InvalidInput: a newer Phasegate made it.
    """
    async with engine.connect() as connection:
        seen = await connection.run_sync(_version)
    if seen == NEWEST:
        return
    if seen is not None and seen > NEWEST:
        raise InvalidInput(f"the database is of a newer Phasegate (schema {seen})", fix="update Phasegate")
    async with engine.connect() as plain:
        connection = await plain.execution_options(writes=True)
        async with connection.begin():
            await connection.run_sync(_upgrade)


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("select version_num from alembic_version")).scalar()


def _upgrade(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(resources.files("phasegate.store") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
