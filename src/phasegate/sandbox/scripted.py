"""The double for tests: answers from a list or a function, and remembers what it was asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from phasegate.sandbox.limits import Limits, Outcome


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A call of `ScriptedSandbox.run`."""

    command: tuple[str, ...]
    files: Mapping[str, bytes]
    limits: Limits
    collect: tuple[str, ...]


class ScriptedSandbox:
    """Runs nothing. Gives the scripted outcomes in turn, or what a function makes of the call.

    Args:
        script: Outcomes, each given once, or a function from the call to its outcome.
    """

    name = "scripted"

    def __init__(self, script: Sequence[Outcome] | Callable[[Asked], Outcome]) -> None:
        self._script = script if callable(script) else iter(script).__next__
        self._takes_call = callable(script)
        self.calls: list[Asked] = []

    async def run(
        self,
        command: Sequence[str],
        *,
        files: Mapping[str, bytes],
        limits: Limits = Limits(),  # noqa: B008 - frozen
        collect: Sequence[str] = (),
    ) -> Outcome:
        """Remember the files in `calls` and return the next scripted outcome."""
        asked = Asked(command=tuple(command), files=dict(files), limits=limits, collect=tuple(collect))
        self.calls.append(asked)
        return self._script(asked) if self._takes_call else self._script()  # type: ignore[call-arg]
