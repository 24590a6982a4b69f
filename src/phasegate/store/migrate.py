"""Brings a database file to the newest schema."""

from importlib import resources

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncEngine

NEWEST = "0001"


async def upgrade(engine: AsyncEngine) -> None:
    """Runs the migrations that the file has not seen; a file that is up to date costs one query."""
    async with engine.connect() as connection:
        seen = await connection.run_sync(_version)
    if seen == NEWEST:
        return
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
