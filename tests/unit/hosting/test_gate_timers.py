"""Looks at the gates that fail: one line until the reason changes, and none of them ends the worker."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from phasegate.app import open_app
from phasegate.hosting.gate_timers import watching
from phasegate.ledger import PrivateKey
from phasegate.trust import KnownRoots
from unit.authors.sample_spec import sample_repository


class Records(logging.Handler):
    """What is logged, to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[logging.LogRecord] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record."""
        self.queue.put_nowait(record)

    async def following(self) -> str:
        """Wait for the next record, which has no traceback."""
        async with asyncio.timeout(30):
            record = await self.queue.get()
        assert record.exc_info is None
        return record.getMessage()


def _replace(file: Path, text: str) -> None:
    """Put another file in a file's place, as a process does that writes it whole."""
    file.with_suffix(".new").write_text(text)
    file.with_suffix(".new").replace(file)


@pytest.fixture
def records() -> Iterator[Records]:
    logger, handler = logging.getLogger("phasegate.watch"), Records()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


async def test_what_keeps_gates_from_being_looked_at_is_logged_once_without_a_traceback(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    target = sample_repository(tmp_path / "t", managers={"ada": PrivateKey.generate()})
    known = KnownRoots()
    (pin,) = known.folder.glob("*.json")
    async with open_app(target) as app:
        _replace(pin, "none")
        async with watching(app, every=0.001):
            assert "Expecting value" in await records.following()
            _replace(pin, "[]")
            assert "must be a mapping" in await records.following()
            _replace(pin, "none")
            assert "Expecting value" in await records.following()
            await asyncio.sleep(0.1)
    assert records.queue.empty()
