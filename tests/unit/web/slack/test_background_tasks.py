import asyncio

import pytest

from phasegate.core import PhasegateError
from phasegate.web.slack.background_tasks import Errands


async def fail(error: Exception) -> None:
    raise error


async def test_all_are_done_before_the_end() -> None:
    errands, begun = Errands(), asyncio.Event()
    done: list[str] = []

    async def errand(name: str) -> None:
        await begun.wait()
        done.append(name)

    for name in ("one", "two"):
        errands.send(name, errand(name))
    begun.set()
    await errands.done()
    assert sorted(done) == ["one", "two"]
    await errands.done()


async def test_what_fails_is_said_and_disturbs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    errands = Errands()
    errands.send("update the card", fail(PhasegateError("Slack failed", fix="call again later")))
    errands.send("tell who clicked", fail(KeyError("x")))
    await errands.done()
    known, unknown = sorted(caplog.records, key=lambda record: record.levelno)
    assert (known.getMessage(), known.exc_info) == ("cannot update the card: Slack failed; call again later", None)
    assert (unknown.getMessage(), unknown.exc_info is not None) == ("cannot tell who clicked", True)


async def test_what_takes_too_long_is_given_up_and_said(caplog: pytest.LogCaptureFixture) -> None:
    errands = Errands()
    errands.send("update the card", asyncio.sleep(3_600))
    await errands.done(within_s=0.01)
    await asyncio.sleep(0)
    assert "not told in time: update the card" in caplog.text
