"""Time of generated tests against plain pytest.

Where a command is measured alone it is its processor time, which a busy machine does not lengthen as much.
"""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.measure import Row
from phasegate.sandbox import find_sandbox, run_tests
from phasegate.workspace import Workspace

REPOSITORY = Path(__file__).parents[1]
_PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
_PLAIN = ("-c", os.devnull, "--rootdir=.", "--import-mode=importlib")
_LOADS = (sys.executable, "-c", "import boto3, coverage, pytest")


async def generated(folder: Path) -> list[Row]:
    """Measure the tests of a released package: judged, which runs each twice, and plain.

    Args:
        folder: the target repository of the demonstration, with one runbook.
    """
    workspace = Workspace.open(folder)
    files = {
        path: data for path, data in workspace.tree(workspace.head()).items() if path.startswith(("src/", "tests/"))
    }
    tests = sorted(path for path in files if path.startswith("tests/runbooks/test_"))
    began = time.perf_counter()
    await _judged(files, tests)
    judged = time.perf_counter() - began
    began = time.perf_counter()
    plain = await asyncio.to_thread(_plain, files, tests)
    once = time.perf_counter() - began
    loads = await asyncio.to_thread(_seconds, _LOADS, REPOSITORY)
    return [
        _row("the demo's generated tests, judged", judged, "the same by plain pytest", once, 3),
        _row("the demo's generated tests by plain pytest, CPU", plain, "loading pytest, coverage and boto3", loads, 8),
    ]


async def _judged(files: Mapping[str, bytes], tests: Sequence[str]) -> None:
    module = tests[0].replace("tests/runbooks/test_", f"src/{_package(files)}/runbooks/")
    conftests = {"tests/conftest.py": files["tests/conftest.py"]}
    report = await run_tests(await find_sandbox(), files, tests=tests, modules=[module], conftests=conftests)
    if not report.ok:
        raise RuntimeError(f"the generated tests do not pass: {'; '.join(report.problems) or report.output[-300:]}")


def _package(files: Mapping[str, bytes]) -> str:
    return next(path.split("/")[1] for path in files if path.startswith("src/"))


def _plain(files: Mapping[str, bytes], tests: Sequence[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        for path, content in files.items():
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / path).write_bytes(content)
        return _seconds((*_PYTEST, *_PLAIN, *tests), Path(folder), PYTHONPATH="src", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")


def _seconds(command: Sequence[str], folder: Path, **more: str) -> float:
    """Run a command, and return the processor time that it took."""
    before = _spent()
    done = subprocess.run(
        command, cwd=folder, env=os.environ | more, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise RuntimeError(done.stdout[-300:] + done.stderr[-300:])
    return _spent() - before


def _spent() -> float:
    """Return the processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _row(what: str, ours: float, name: str, theirs: float, bar: float) -> Row:
    return Row(what=what, measured=f"{ours:.1f} s", against=f"{theirs:.1f} s for {name}", ratio=ours / theirs, bar=bar)
