"""A real language model of 135 million parameters on this machine, behind an OpenAI-compatible address.

What it says is nonsense in valid JSON, and it never calls a tool: a test of what happens with a bad model, and no
evidence of what a good one does.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from real.environments import environment

PROGRAM = Path(__file__).with_name("serve_small_model.py")
NAME = "smollm2"


class NotToBeHad(Exception):
    """The model cannot be installed or started here; the message says why."""


@contextmanager
def small_model() -> Iterator[str]:
    """Serve the model; gives the address for a client of OpenAI's, which takes any key.

    Raises:
        NotToBeHad: An index does not have it for this machine, or it does not start.
    """
    try:
        python = environment("model") / "python"
    except subprocess.CalledProcessError as error:
        raise NotToBeHad(f"the small model cannot be installed: {_end(error.stderr)}") from error
    command = [str(python), str(PROGRAM)]
    # A file: what nobody reads of a pipe stops the program once the pipe is full.
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said) as program,
    ):
        assert program.stdout is not None
        address = program.stdout.readline().decode().strip()
        try:
            if not address:
                said.seek(0)
                raise NotToBeHad(f"the small model does not start: {_end(said.read())}")
            yield f"{address}/v1"
        finally:
            program.kill()


def _end(said: bytes) -> str:
    return (said.decode(errors="replace").strip().splitlines() or ["it says nothing"])[-1]
