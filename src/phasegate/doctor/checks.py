"""Checks of this machine and of the repository that a folder is in."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from phasegate.app.app import open_app
from phasegate.app.config import NAME
from phasegate.core import PhasegateError
from phasegate.doctor.aws import of_aws
from phasegate.doctor.check import Check, Skipped
from phasegate.doctor.machine import of_machine
from phasegate.doctor.repository import of_repository
from phasegate.doctor.servers import of_servers
from phasegate.tool_access.servers import open_tools


@asynccontextmanager
async def checks_of(folder: Path, environ: Mapping[str, str], keys: Path) -> AsyncIterator[list[Check]]:
    """Return the checks, whose servers end with them.

    Args:
        folder: where the person is.
        environ: the variables that are set.
        keys: where managers' keys lie on this machine.
    """
    async with AsyncExitStack() as stack:
        try:
            app = await stack.enter_async_context(open_app(folder))
        except PhasegateError as error:
            yield [*of_machine(), _not_opened(folder, error)]
            return
        tools = await stack.enter_async_context(open_tools(app))
        aws, servers = of_aws(app, tools, environ), of_servers(tools, environ)
        yield [*of_machine(), *of_repository(app, keys), *aws, *servers]


def _not_opened(folder: Path, error: PhasegateError) -> Check:
    there = any((place / NAME).exists() for place in (folder, *folder.parents))
    none = Skipped(f"'{folder}' is in no target repository", fix="make one: phasegate init DIR")

    async def told() -> str:
        raise error if there else none

    return Check(name="repository", ask=told)
