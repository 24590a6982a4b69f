"""Runs the command of a released package, apart from this process and from what else this user has."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from phasegate.core.files import close_pipes
from phasegate.release.process import Ran

if TYPE_CHECKING:
    from phasegate.executions.released import Package

_PATH = "/usr/local/bin:/usr/bin:/bin"
_KEPT = ("HOME", "LANG", "TZ", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Variables of ours that a runbook sees beside those of AWS: its profiles lie in the home folder."""
_MOST_OUTPUT = 256 * 1024 * 1024
_GRACE_SECONDS = 10
# The script that pip wrote is no part of the wheel, so that nothing proves what it holds.
_MAIN = "import sys; sys.argv[0] = {script!r}; from {module}.cli import main; sys.exit(main())"

Line = Callable[[str], None]


def aws_environment(outer: Mapping[str, str], endpoint: str = "") -> dict[str, str]:
    """Return the variables with which a runbook reaches AWS.

    Args:
        outer: our own environment, of which AWS's variables and what a proxy needs are kept.
        endpoint: address that stands in for AWS, as phasegate.toml has it; empty: AWS itself.
    """
    kept = {name: value for name, value in outer.items() if name.startswith("AWS_") or name in _KEPT}
    if endpoint:
        kept["AWS_ENDPOINT_URL"] = endpoint
        kept.setdefault("AWS_ACCESS_KEY_ID", "testing")
        kept.setdefault("AWS_SECRET_ACCESS_KEY", "testing")
    return kept


async def run_command(
    package: "Package",
    words: Sequence[str],
    *,
    env: Mapping[str, str],
    seconds: float | None = None,
    tell: Line | None = None,
) -> Ran:
    """Run the package's command, and return its exit code and output.

    Args:
        package: proven to be unchanged just before.
        words: of the command.
        env: all that it sees of the environment, beside a search path.
        seconds: how long it may take; None: as long as it does.
        tell: called with each line of standard error as it comes.

    Raises:
        TimeoutError: it took longer, and has been ended with all that it started.
    """
    with tempfile.TemporaryDirectory(prefix="phasegate-runbook-") as folder:
        # Isolated, and with byte code of its own: a `sitecustomize` or a forged .pyc of this account would run in it.
        python = [str(package.installation.python), "-I", "-X", f"pycache_prefix={folder}/pycache"]
        process = await asyncio.create_subprocess_exec(
            *python,
            "-c",
            _MAIN.format(module=package.module, script=package.script),
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_MOST_OUTPUT,
            env={"PATH": _PATH, "LANG": "C.UTF-8", "HOME": folder, **env},
            cwd=folder,
            start_new_session=True,
        )
        said: list[str] = []
        try:
            out, _, _ = await asyncio.wait_for(
                asyncio.gather(_read(process), _lines(process, said, tell), process.wait()), seconds
            )
        finally:
            await _end(process)
    return Ran(exit_code=process.returncode or 0, stdout=out.decode(errors="replace"), stderr="\n".join(said))


async def _read(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    return await process.stdout.read()


async def _lines(process: asyncio.subprocess.Process, said: list[str], tell: Line | None) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        said.append(line.decode(errors="replace").rstrip("\n"))
        del said[:-1000]
        if tell:
            tell(said[-1])


async def _end(process: asyncio.subprocess.Process) -> None:
    """End what is left of it: first asked, so that a change under way is logged, then killed."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    close_pipes(process)
