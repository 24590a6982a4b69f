"""The seeded account of the ground truth, and what is to be found there."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]


def ground_truth() -> Path | None:
    """The folder of the ground truth; None where it does not stand."""
    folder = Path(os.environ.get("PHASEGATE_GROUNDTRUTH") or REPOSITORY.parent / "shared" / "groundtruth")
    return folder if (folder / "expected.json").exists() else None


def expected() -> dict[str, Any]:
    """What is to be found, by case and region, and the time that it holds for."""
    folder = ground_truth()
    if folder is None:
        return {"now": "2026-01-01T00:00:00Z", "cases": {}}
    loaded: dict[str, Any] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return loaded


@contextmanager
def served() -> Iterator[str]:
    """Seeds the account and serves it; gives its address."""
    folder = ground_truth()
    assert folder is not None, "no ground truth here: set PHASEGATE_GROUNDTRUTH to its folder"
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(folder / "seed.py"), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_server(server, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=10)


def _await_server(server: "subprocess.Popen[bytes]", port: int) -> None:
    for _ in range(1200):
        if server.poll() is not None:
            pytest.fail(f"the seed ended with code {server.returncode}")
        with socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the seeded account did not come up within two minutes")
