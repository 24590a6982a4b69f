"""Runs inside, as text (`python -I -c TEXT REQUEST`): runs pytest, measures modules, writes what happened.

REQUEST is JSON: `tests` (files), `conftests` (whether there are any), `modules` (the files to measure), `report`
(where to write).
"""

import json
import os
import sys
from typing import Any

# Before pytest is imported: whatever is installed beside it would take part in the run otherwise.
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
if sys.version_info >= (3, 12):
    os.environ["COVERAGE_CORE"] = "sysmon"  # costs the measured module alone, and nothing else that runs

import coverage
import pytest


class Witness:
    """A pytest plugin that remembers how each test ended."""

    def __init__(self) -> None:
        self.cases: dict[str, dict[str, Any]] = {}
        self.broken: list[str] = []

    def pytest_collectreport(self, report: Any) -> None:
        """Remembers files that could not be read as tests."""
        if report.failed:
            self.broken.append(f"{report.nodeid}: {str(report.longrepr)[-2000:]}")

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Joins set-up, call and tear-down: the worst of them is the outcome."""
        case = self.cases.setdefault(report.nodeid, {"outcome": "passed", "seconds": 0.0, "message": ""})
        # A test has a report for each of its three parts.
        case["seconds"] += report.duration
        if report.outcome != "passed" and case["outcome"] != "failed":
            case.update(outcome=report.outcome, message=str(report.longrepr)[-4000:])


def main() -> None:
    """Runs the request that is the first argument."""
    want = json.loads(sys.argv[1])
    sys.path.insert(0, os.path.abspath("src"))
    sys.dont_write_bytecode = True
    # The tree's own configuration could leave lines out of the count, and so could that of pytest below.
    measure = coverage.Coverage(data_file=None, config_file=False, include=want["modules"])
    witness = Witness()
    options = [
        "-q",
        "--rootdir=.",
        "--confcutdir=.",
        "-c",
        os.devnull,
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
        "--tb=short",
    ]
    options += [] if want["conftests"] else ["--noconftest"]
    measure.start()
    code = pytest.main([*options, *want["tests"]], plugins=[witness])
    measure.stop()
    missing = {module: _missing(measure, module) for module in want["modules"]}
    report = {"code": int(code), "cases": witness.cases, "broken": witness.broken, "missing": missing}
    with open(want["report"], "w", encoding="utf-8") as stream:
        json.dump(report, stream)


def _missing(measure: coverage.Coverage, module: str) -> list[int] | None:
    try:
        return measure.analysis2(os.path.abspath(module))[3]
    except coverage.CoverageException:
        return None


if __name__ == "__main__":
    main()
