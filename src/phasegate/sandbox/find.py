"""Choice of the sandbox that this machine offers."""

from collections.abc import Callable, Sequence

from phasegate.core.errors import Missing
from phasegate.sandbox.bubblewrap import Bubblewrap
from phasegate.sandbox.landlock import Sandlock
from phasegate.sandbox.limits import Limits, Sandbox

_PROBE = Limits(wall_seconds=10)


async def find_sandbox(kinds: Sequence[Callable[[], Sandbox]] = (Bubblewrap, Sandlock)) -> Sandbox:
    """The first kind that is installed and permitted here, tried by running `true` in it (some ten milliseconds).

    Raises:
        Missing: None is; the message says what each lacks.
    """
    lacks: list[str] = []
    for kind in kinds:
        try:
            sandbox = kind()
            # Installed is not permitted: containers and distributions forbid namespaces in many ways, and a try is the
            # only question that has one answer.
            outcome = await sandbox.run(["true"], files={}, limits=_PROBE)
        except Missing as missing:
            lacks.append(str(missing))
            continue
        if outcome.ok:
            return sandbox
        lacks.append(f"{sandbox.name} could not run a command: {outcome.stderr.decode(errors='replace').strip()[:200]}")
    raise Missing(
        f"no sandbox for generated code: {'; '.join(lacks)}", fix="sudo apt install bubblewrap, or pip install sandlock"
    )
