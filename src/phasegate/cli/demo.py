"""Start of the demonstration, which loads the application while the account starts."""

from pathlib import Path

from phasegate.cli.console import output
from phasegate.demo.aws_account import starting


async def demo(folder: Path | None, port: int, model: str | None) -> None:
    """Watch a spec become a released runbook, here."""
    place = folder or _fresh_folder(Path(".demo"))
    earlier = _earlier_port(place)
    with starting(earlier or port) as ready:
        with output().status("starting a small AWS account on this machine (moto)"):
            from phasegate.cli.demonstration import demonstrate

            account = ready()
        await demonstrate(place, account, resumed=bool(earlier), scripted=model == "scripted")


def _fresh_folder(top: Path) -> Path:
    """Return the next numbered folder in there, which Git ignores as a whole."""
    top.mkdir(parents=True, exist_ok=True)
    (top / ".gitignore").write_text("*\n", encoding="utf-8")
    taken = [int(entry.name) for entry in top.iterdir() if entry.name.isdigit()]
    return top / str(max(taken, default=0) + 1)


def _earlier_port(place: Path) -> int:
    """Return the port of the demonstration that is in a folder, or 0."""
    if not place.exists():
        return 0
    from phasegate.demo.repository import port_of

    return port_of(place)
