"""Runs tests against several copies of the package, each in a fork of a process that has loaded what others wrote.

Loading that takes most of the time of so small a run. Reads pairs of a folder and pytest's words as JSON; prints the
exit code of each run.
"""

import importlib
import json
import os
import sys

import pytest

LOADED_ONCE = (
    "dbos",
    "langgraph.graph",
    "langgraph.types",
    "langchain_core.runnables",
    "pydantic",
    "pygit2",
    "sqlalchemy",
)


def main() -> None:
    """Runs what stands in the standard input."""
    for name in LOADED_ONCE:
        importlib.import_module(name)
    if "phasegate" in sys.modules:
        raise RuntimeError("the package is loaded already")
    for folder, words in json.load(sys.stdin):
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.path.insert(0, folder)
            _end(words)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _end(words: list[str]) -> None:
    code = os.EX_SOFTWARE  # none of pytest's own
    try:
        code = int(pytest.main(words))
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
