"""The terminal: each command is one call below."""

from phasegate.supported import refuse_unsupported

__all__ = ["main"]


def main() -> None:
    """Run the command, and end the process with its exit code."""
    refuse_unsupported()
    from phasegate.cli.program import main as run

    run()
