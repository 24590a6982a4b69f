"""Formats generated Python as `ruff format` does, so that the package it goes into needs no change."""

import subprocess

from ruff import find_ruff_bin

LINE_LENGTH = 120


def formatted(source: str) -> str:
    """Format source as ruff does with lines of 120, whatever the settings of the place where it runs.

    Raises:
        SyntaxError: it is no Python; then the compiler is wrong.
    """
    command = [
        find_ruff_bin(),
        "format",
        # Settings of a folder above would make the same runbook give other bytes.
        "--isolated",
        f"--line-length={LINE_LENGTH}",
        "--stdin-filename=module.py",
        "-",
    ]
    done = subprocess.run(
        command, input=source, capture_output=True, text=True, check=False, timeout=60, encoding="utf-8"
    )
    if done.returncode:
        raise SyntaxError(f"{done.stderr.strip()} in\n{source}")
    return done.stdout
