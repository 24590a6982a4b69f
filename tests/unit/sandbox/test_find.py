"""The first sandbox that is installed and permitted is taken."""

import pytest

from phasegate.core import Missing
from phasegate.sandbox import Limits, Outcome, Sandbox, ScriptedSandbox, find_sandbox

WORKS = Outcome(exit_code=0, stdout=b"", stderr=b"", seconds=0.01)
FAILS = Outcome(exit_code=1, stdout=b"", stderr=b"no user namespaces here", seconds=0.01)


def absent() -> Sandbox:
    raise Missing("bubblewrap is not installed")


async def test_installed_but_not_permitted_falls_through() -> None:
    second = ScriptedSandbox([WORKS])
    assert await find_sandbox([absent, lambda: ScriptedSandbox([FAILS]), lambda: second]) is second


async def test_none_says_what_each_lacks() -> None:
    with pytest.raises(Missing, match=r"not installed.*no user namespaces here") as raised:
        await find_sandbox([absent, lambda: ScriptedSandbox([FAILS])])
    assert "apt install bubblewrap" in raised.value.fix


async def test_the_double_remembers_and_may_compute() -> None:
    double = ScriptedSandbox(lambda asked: Outcome(exit_code=len(asked.command), stdout=b"", stderr=b"", seconds=0))
    outcome = await double.run(["a", "b"], files={"x": b"1"}, limits=Limits(), collect=["x"])
    assert outcome.exit_code == 2
    assert double.calls[0].files == {"x": b"1"}
