"""A systemd user unit that keeps a repository's worker running."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from phasegate.core import Exhausted

_UNIT = """\
# Written by 'phasegate worker --install'; removed by 'phasegate worker --uninstall'.
[Unit]
Description=Phasegate worker of {project}
StartLimitIntervalSec=0

[Service]
Type=exec
WorkingDirectory={folder}
ExecStart={python} -m phasegate.cli worker
Restart=on-failure
RestartSec=5
RestartSteps=5
RestartMaxDelaySec=300
TimeoutStopSec=30
NoNewPrivileges=yes
PrivateTmp=no
UMask=0077

[Install]
WantedBy=default.target
"""


def unit_name(folder: Path) -> str:
    """Return the unit's name, which differs for two repositories of the same folder name."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", folder.name) or "repository"
    return f"phasegate-{name}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}.service"


def unit_path(folder: Path, environ: Mapping[str, str]) -> Path:
    """Return where the unit of a repository lies."""
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or Path.home()) / ".config")
    return home / "systemd" / "user" / unit_name(folder)


def unit_text(folder: Path, project: str) -> str:
    """Return the unit's text."""
    quoted = '"' + _escaped(sys.executable).replace("$", "$$") + '"'
    return _UNIT.format(project=_escaped(project), folder=_escaped(str(folder)), python=quoted)


def install(folder: Path, project: str, environ: Mapping[str, str]) -> Path:
    """Write the unit.

    Returns:
        Its file.

    Raises:
        Exhausted: it cannot be written.
    """
    path = unit_path(folder, environ)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(unit_text(folder, project), encoding="utf-8")
    except OSError as error:
        raise Exhausted(
            f"'{path}' cannot be written: {error.strerror}", fix=f"let yourself write there: {path.parent}"
        ) from error
    return path


def uninstall(folder: Path, environ: Mapping[str, str]) -> Path | None:
    """Remove the unit.

    Returns:
        Its file; None where there was none.
    """
    path = unit_path(folder, environ)
    if not path.exists():
        return None
    path.unlink()
    return path


def unit_state(name: str) -> tuple[str, str]:
    """Return systemd's enabled and active state of a user unit, such as `enabled` and `failed`, or empty strings."""
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return "", ""
    return _asked(systemctl, "is-enabled", name), _asked(systemctl, "is-active", name)


def _asked(systemctl: str, question: str, name: str) -> str:
    try:
        said = subprocess.run(
            [systemctl, "--user", question, name], capture_output=True, encoding="utf-8", timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip()


def _escaped(text: str) -> str:
    """Text in a unit file, where `%` begins a specifier and a backslash an escape."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("\n", " ")
