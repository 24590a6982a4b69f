"""Runs emitted tests against variants of their module, in one interpreter: `python run_emitted.py JOBS`.

JOBS is a JSON list of `[module, source]`; the number of failed and passed tests of each is printed as JSON.
"""

import contextlib
import importlib
import io
import json
import sys
from typing import Any

import pytest


class Counter:
    """A plugin that counts."""

    def __init__(self) -> None:
        self.failed = 0
        self.passed = 0

    def pytest_collectreport(self, report: Any) -> None:
        self.failed += bool(report.failed)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.failed += bool(report.failed)
        self.passed += report.when == "call" and bool(report.passed)


def run(name: str, source: str) -> list[int]:
    """Puts the source in the module's place, and runs its tests until one fails."""
    module = importlib.import_module(f"pkg.runbooks.{name}")
    kept = {key: module.__dict__[key] for key in ("__name__", "__package__", "__spec__", "__loader__")}
    module.__dict__.clear()
    module.__dict__.update(kept)
    exec(compile(source, name, "exec"), module.__dict__)
    for known in [key for key in sys.modules if key.split(".")[0] in ("tests", "conftest") or "test_" in key]:
        del sys.modules[known]
    counter = Counter()
    options = ["-q", "-x", "-c", "/dev/null", "--rootdir=.", "--confcutdir=.", "--import-mode=importlib"]
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*options, "-p", "no:cacheprovider", f"tests/runbooks/test_{name}.py"], plugins=[counter])
    return [counter.failed, counter.passed]


if __name__ == "__main__":
    sys.path.insert(0, "src")
    with open(sys.argv[1]) as stream:
        jobs = json.load(stream)
    print(json.dumps([run(name, source) for name, source in jobs]))
