"""The runtime, as it is laid into a runbooks package."""

from importlib import resources


def runtime_files() -> dict[str, bytes]:
    """The files of `<package>/_runtime/`, by their path in that folder."""
    folder = resources.files("phasegate.runbooks.runtime")
    return {
        entry.name: entry.read_bytes()
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".py")
    }
