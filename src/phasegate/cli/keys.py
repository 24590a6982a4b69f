"""Managers' keys: where they lie, whose they are, and how they are unlocked.

The passphrase comes from the person at the terminal, or from a file that the manager's own scripts name. It is never
read from the environment or the command line, where other processes can see it.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from phasegate.app import App
from phasegate.app.config import Config
from phasegate.core import Missing, Refused, UsageError
from phasegate.core.files import OWNER_FILE, write_whole
from phasegate.keyholder import AgentIdentity, AgentKey, HeldKey, Mandate, close_to_others, hold_key, list_identities
from phasegate.ledger import MIN_PASSPHRASE, create_key
from phasegate.trust import personal_folder

TRIES = 3
SIGNS_WITHIN_SECONDS = 600.0
"""For how long a key waits for what it is to sign; servers that it grants may take a while to start."""


def home_of_keys() -> Path:
    """Return where a person's keys lie."""
    return personal_folder()


def demo_keys(state: Path) -> Path:
    """Return where the key of a demonstration lies: with it, so that it goes when the demonstration goes."""
    return state / "keys"


def interactive() -> bool:
    """Return whether a person sits at the terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


@contextmanager
def interruptible() -> Iterator[None]:
    """While the block asks the person something, Ctrl-C ends the question at once.

    Under asyncio the first Ctrl-C only cancels the task, which a blocking question never sees.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """Unlocks the key of one manager of one repository."""

    manager: str
    path: Path
    passphrase_file: Path | None
    identity: AgentIdentity | None = None
    """The manager's key in an SSH agent, where there is no file of it."""

    def unlock(self, *, statements: int = 1, decisions_for: float = 0) -> HeldKey:
        """Ask for the passphrase, or read it from the file, and have a process of its own hold the key.

        Args:
            statements: How many the key signs before it is forgotten.
            decisions_for: Seconds in which it signs decisions at gates, as many as there are, in place of that.

        Raises:
            Refused: it does not open the key.
            Missing: there is nobody to ask, or the key is not here.
        """
        if self.identity and not self.path.exists():
            return AgentKey(self.identity, self.manager)
        if not self.path.exists():
            raise Missing(
                f"the key of manager '{self.manager}' is not on this machine: '{self.path}'",
                fix="decide where it is, or make one: 'phasegate manager init'",
            )
        close_to_others()  # from here on this process knows a passphrase
        if self.passphrase_file:
            return self.hold(read_passphrase(self.passphrase_file), statements, decisions_for)
        _must_be_person()
        for _ in range(TRIES - 1):
            try:
                return self.hold(self._ask(), statements, decisions_for)
            except Refused:
                click.echo("that passphrase does not open the key", err=True)
        return self.hold(self._ask(), statements, decisions_for)

    def hold(self, passphrase: str, statements: int = 1, decisions_for: float = 0) -> HeldKey:
        """Have a process of its own hold the key, and its file encrypted anew where it is quick to guess.

        Raises:
            Refused: The passphrase does not open it.
        """
        mandate = Mandate(
            by=self.manager,
            seconds=decisions_for or SIGNS_WITHIN_SECONDS,
            statements=statements,
            only_decisions=bool(decisions_for),
        )
        key = hold_key(self.path.read_bytes(), passphrase, mandate)
        if key.renewed:
            with suppress(OSError):  # a key on a medium that cannot be written signs all the same
                write_whole(self.path, key.renewed, OWNER_FILE)
        return key

    def _ask(self) -> str:
        return _prompt(f"Passphrase of {self.manager}")


def keyring(state: Path, config: Config, name: str | None, passphrase_file: Path | None) -> Keyring:
    """The key that a decision is signed with.

    Args:
        state: the repository's state directory.
        config: its configuration, which lists the managers.
        name: the manager; None takes the only one whose key lies on this machine.
        passphrase_file: where the passphrase stands; None asks for it.

    Raises:
        Missing: there is no manager yet.
        UsageError: it is not clear which one is meant.
    """
    if not config.managers:
        raise Missing("this repository has no manager yet", fix="make a key: 'phasegate manager init'")
    named = [row for row in config.managers if name in (None, row.name)]
    agent = {one.text: one for one in list_identities()}
    here = [row for row in named if key_path(state, row.name).exists() or row.public_key in agent]
    chosen = here if len(here) == 1 else named
    if len(chosen) != 1:
        known = ", ".join(row.name for row in config.managers)
        raise UsageError(f"which manager decides? this repository has: {known}", fix="--manager NAME")
    return Keyring(
        manager=chosen[0].name,
        path=key_path(state, chosen[0].name),
        passphrase_file=passphrase_file,
        identity=agent.get(chosen[0].public_key),
    )


def keyring_of(app: App, name: str | None, passphrase_file: Path | None) -> Keyring:
    """The key that a decision in an opened repository is signed with.

    Raises:
        Refused: the root of the repository is not the one that is known here.
        Missing: there is no manager yet.
        UsageError: it is not clear which one is meant.
    """
    app.require_known_root()
    return keyring(app.state, app.config, name, passphrase_file)


def key_path(state: Path, name: str) -> Path:
    """Return where the key of that manager lies, or would lie."""
    local = demo_keys(state) / f"{name}.key"
    return local if local.exists() else home_of_keys() / f"{name}.key"


def read_passphrase(file: Path) -> str:
    """The file's first line.

    Raises:
        Missing: it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8").split("\n", 1)[0]
    except (OSError, UnicodeDecodeError) as error:
        raise Missing(f"the passphrase file '{file}' cannot be read: {error}", fix="name another") from error


def ask_passphrase(name: str, file: Path | None) -> str:
    """Somebody's passphrase: asked for, or read from the file.

    Raises:
        Missing: there is nobody to ask.
    """
    if file:
        return read_passphrase(file)
    _must_be_person()
    return _prompt(f"Passphrase of {name}")


def make_or_unlock(path: Path, passphrase_file: Path | None) -> HeldKey:
    """Have the key at that path held, for one statement of the manager's, or make one."""
    ring = Keyring(manager=path.stem, path=path, passphrase_file=passphrase_file)
    if path.exists():
        return ring.unlock()
    passphrase = new_passphrase(passphrase_file)
    create_key(path, passphrase)
    return ring.hold(passphrase)


def new_passphrase(file: Path | None) -> str:
    """A passphrase for a new key: asked for twice, or read from the file."""
    if file:
        return read_passphrase(file)
    _must_be_person()
    asks = "Passphrase for the new key (8 characters or more)"
    return _prompt(asks, confirmation_prompt="Once more", value_proc=_long_enough)


def _prompt(text: str, **more: Any) -> str:
    with interruptible():
        return str(click.prompt(text, hide_input=True, err=True, **more))


def _long_enough(passphrase: str) -> str:
    """Refuse a short passphrase before it is asked for the second time."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise click.UsageError(f"it has {len(passphrase)} characters; take at least {MIN_PASSPHRASE}")
    return passphrase


def _must_be_person() -> None:
    if not sys.stdin.isatty():
        raise Missing("there is no terminal to ask for the passphrase", fix="--passphrase-file FILE")
