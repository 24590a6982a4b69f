"""The commands as the tests call them, and a repository with two managers whose keys are on this machine."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from phasegate.cli.program import root
from phasegate.core import FixedClock, PhasegateError

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
PASSPHRASE = "a passphrase of ours"


def run(*words: str, at: datetime = NOW) -> Result:
    """What the command does at that time."""
    return CliRunner().invoke(root, list(words), standalone_mode=False, obj=FixedClock(at))


def said(*words: str, at: datetime = NOW) -> str:
    """What the command prints on standard output."""
    done = run(*words, at=at)
    assert done.exception is None, done.exception
    return done.stdout


def refused(*words: str) -> PhasegateError:
    error = run(*words).exception
    assert isinstance(error, PhasegateError), error
    assert error.fix
    return error


def at_home(top: Path, patch: pytest.MonkeyPatch) -> None:
    """Keys are the test's own."""
    patch.setenv("XDG_CONFIG_HOME", str(top / "home"))
    patch.chdir(top)


def lay(top: Path, patch: pytest.MonkeyPatch) -> None:
    """A repository with the managers ada and dee, and one passphrase for both; keys take a while to make."""
    at_home(top, patch)
    said("init", "acme")
    patch.chdir(top / "acme")
    Path("passphrase").write_text(f"{PASSPHRASE}\n")
    for name in ("ada", "dee"):
        said("manager", "init", "--name", name, "--passphrase-file", "passphrase")
    sign()


def sign(by: str = "ada") -> None:
    """Have a manager sign the working files as the next version of the root."""
    said("trust", "sign", "--manager", by, "--passphrase-file", "passphrase")
