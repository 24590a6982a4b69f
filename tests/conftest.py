"""Garbage collection while tests are collected, and afterwards; the order of tests among workers, and their number."""

import gc
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Generator, Sequence
from itertools import groupby
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_HOUR = 3600
_APART = "tests/mutation/"
"""Tests that share nothing, each of which takes as long as a module."""
_DEALT = "dealt_by_module"


def pytest_configure(config: pytest.Config) -> None:
    """Give each process a personal configuration of its own: no test reads or writes that of whoever runs it."""
    folder = tempfile.mkdtemp(prefix="phasegate-home-")
    os.environ["XDG_CONFIG_HOME"] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the collector, and freeze what is loaded: a million objects take 0.3 s to look through."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


class Modules(LoadScopeScheduling):  # type: ignore[misc] # the library is untyped
    """Deals modules out one by one to whichever worker is free: what a module makes is made once."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(_APART) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Modules | None:
    """Return the scheduler of slow tests, some of which share what takes a minute to make."""
    return Modules(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker how tests are dealt out, of which its own configuration knows nothing."""
    node.workerinput[_DEALT] = node.config.getoption("dist") == "loadfile"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Return half as many workers again as there are cores for slow tests, which wait half of their time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores * 3 // 2 if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the tests with the longest time limits run first, spread over the workers.

    A worker begins with its share of the list, and takes tests from the end of another's share when its own is done. A
    long test that is begun last keeps all others waiting. Modules stay together, since their fixtures are made once a
    worker; tests with limits of an hour share none.

    Where groups are dealt out one by one ('--dist loadfile'), each worker takes the next of the whole list.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    groups = [[*group] for _, group in groupby(items, _group)]
    long = sorted((group for group in groups if _longest(group)), key=_longest, reverse=True)
    if items and getattr(items[0].config, "workerinput", {}).get(_DEALT):
        items[:] = [item for group in [*long, *(group for group in groups if not _longest(group))] for item in group]
        return
    rest = deque(item for group in groups if not _longest(group) for item in group)
    ordered: list[pytest.Item] = []
    for number in range(workers):
        ordered += [item for group in long[number::workers] for item in group]
        end = len(items) * (number + 1) // workers
        ordered += [rest.popleft() for _ in range(min(len(rest), max(0, end - len(ordered))))]
    items[:] = [*ordered, *rest]


def _group(item: pytest.Item) -> str:
    return item.nodeid if _limit(item) >= _HOUR else item.nodeid.partition("::")[0]


def _longest(group: Sequence[pytest.Item]) -> float:
    return max(map(_limit, group))


def _limit(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark and mark.args else 0.0
