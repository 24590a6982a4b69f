"""Limits of a sandboxed command, and how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

MIB = 1024 * 1024


class Limit(StrEnum):
    """A limit that ends a command, unlike those on processes and files, which are errors of a system call inside."""

    wall_time = "wall-time"
    cpu_time = "cpu-time"
    memory = "memory"
    disk = "disk"
    output = "output"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Default limits of a command and all that it starts."""

    wall_seconds: float = 300.0
    cpu_seconds: int = 300
    """Of each process."""
    memory: int = 2048 * MIB
    """Bytes; of each process in address space, and of all of them in resident memory (looked at ten times a second)."""
    processes: int = 64
    open_files: int = 512
    """Of each process."""
    file_size: int = 64 * MIB
    """Bytes, of each file."""
    disk: int = 256 * MIB
    """Bytes of all files (looked at ten times a second)."""
    output: int = 4 * MIB
    """Bytes, of each of stdout and stderr."""
    collected: int = 16 * MIB
    """Bytes, of each file that is read back."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a sandboxed command."""

    exit_code: int
    """The command's own; 128 + n after signal n."""
    stdout: bytes
    stderr: bytes
    seconds: float
    limit: Limit | None = None
    """The limit that ended the command, if one did."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """The collected files that were there as plain files, by the path asked for."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """The collected paths that were not taken, and why: a link, too large, not a file."""

    @property
    def ok(self) -> bool:
        """True if the command ended by itself with exit code 0."""
        return self.exit_code == 0 and self.limit is None


class Sandbox(Protocol):
    """A runner of commands that may be hostile, of which only requested files come out."""

    @property
    def name(self) -> str:
        """Name for people, such as `bubblewrap`."""

    async def run(
        self,
        command: Sequence[str],
        *,
        files: Mapping[str, bytes],
        limits: Limits = Limits(),
        collect: Sequence[str] = (),
    ) -> Outcome:
        """Runs a command in a private copy of `files`, which is its working directory and can be written to.

        Args:
            command: Program and arguments. The interpreter that runs Phasegate, and its packages, can be read inside.
            files: Relative path to content; nothing else of the host's data can be seen.
            limits: What it may use.
            collect: Relative paths to read back when it has ended; links are never followed.

        Raises:
            InvalidInput: A path of `files` or `collect` is absolute or leaves the directory.
            Missing: The sandbox cannot be set up on this machine.
        """
