"""A terminal whose locale is not UTF-8."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from phasegate.cli.streams import show_plainly
from unit.authors.sample_spec import sample_repository


def test_what_a_terminal_cannot_show_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    show_plainly()
    sys.stdout.write("✓ ada → 3 × 2 … ä")
    sys.stdout.flush()
    assert shown.getvalue() == b"+ ada -> 3 x 2 ... ?"


@pytest.mark.slow
def test_commands_work_whatever_the_locale(tmp_path: Path) -> None:
    folder = sample_repository(tmp_path / "target")
    toml = folder / "phasegate.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + "# für Ädele\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONUTF8": "0", "LC_ALL": "POSIX", "PYTHONIOENCODING": "", "HOME": str(tmp_path)}
    for words in (["lint"], ["status"], ["doctor"]):
        ran = subprocess.run(
            [sys.executable, "-m", "phasegate.cli", *words], cwd=folder, env=environment, capture_output=True
        )
        said = (ran.stdout + ran.stderr).decode("ascii")
        assert "please report" not in said
        assert "is not TOML" not in said
        assert ran.returncode in (0, 3, 4), said
