"""A process that escapes, and holds the pipes of the one that is supervised, leaves nothing open here."""

import asyncio
import gc
import sys
from pathlib import Path

import pytest

from phasegate.core import close_pipes
from phasegate.sandbox.limits import Limit, Limits
from phasegate.sandbox.supervise import supervise

LIMITS = Limits(wall_seconds=0.5)
ESCAPES = "import os, time\nif not os.fork():\n    os.setsid()\n    os.fork() and os._exit(0)\n    time.sleep({})"


@pytest.fixture
def unclosed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the collector finds open."""
    found: list[str] = []
    gc.collect()
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: found.append(str(unraisable.exc_value)))
    return found


def test_pipes_that_another_process_holds_are_closed(unclosed: list[str]) -> None:
    async def runs() -> None:
        command = (sys.executable, "-Sc", ESCAPES.format(5))
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        await asyncio.sleep(0)
        close_pipes(process)
        await process.wait()

    asyncio.run(runs())
    gc.collect()
    assert unclosed == []


@pytest.mark.slow
def test_pipes_are_closed_though_a_process_that_escaped_holds_them(tmp_path: Path, unclosed: list[str]) -> None:
    outcome = asyncio.run(supervise([sys.executable, "-Sc", ESCAPES.format(30)], top=tmp_path, limits=LIMITS))
    gc.collect()
    assert outcome.limit is Limit.wall_time
    assert unclosed == []
