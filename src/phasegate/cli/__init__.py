"""The terminal: each command is one call below."""
def main() -> None:
    """Runs the command."""
