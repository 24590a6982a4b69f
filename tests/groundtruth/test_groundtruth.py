"""Every case of the ground truth, in our own runbook files: the ids found are exactly those expected."""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from groundtruth.seeded import expected, ground_truth
from phasegate.runbooks.compiler.check import Where, check

FILES = Path(__file__).parent
TRUTH = expected()
CASES = [
    pytest.param(case, region, set(ids), id=f"{case}-{region}")
    for case, regions in TRUTH["cases"].items()
    for region, ids in regions.items()
] or [pytest.param("", "", set(), marks=pytest.mark.skip("no ground truth here: set PHASEGATE_GROUNDTRUTH"))]

pytestmark = pytest.mark.groundtruth


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.fixture
def in_pages_of_two() -> Iterator[None]:
    with _force_pages()(2):
        yield


@pytest.mark.parametrize(("case", "region", "ids"), CASES)
def test_finds_exactly_what_is_expected(case: str, region: str, ids: set[str], endpoint: str) -> None:
    assert found(case, region, endpoint) == ids


@pytest.mark.usefixtures("in_pages_of_two")
@pytest.mark.parametrize(("case", "region", "ids"), CASES)
def test_finds_the_same_where_every_list_comes_in_pages_of_two(
    case: str, region: str, ids: set[str], endpoint: str
) -> None:
    assert found(case, region, endpoint) == ids


def test_every_case_has_its_file() -> None:
    assert set(TRUTH["cases"]) <= {path.stem for path in FILES.glob("*.yaml")}


def found(case: str, region: str, endpoint: str) -> set[str]:
    """The ids that the runbook of the case finds; a failed call fails the test."""
    path = FILES / f"{case}.yaml"
    where = Where(regions=[region], endpoint=endpoint)
    report = check(path.read_text(encoding="utf-8"), str(path), as_of=datetime.fromisoformat(TRUTH["now"]), where=where)
    assert report["errors"] == []
    return {finding["id"] for finding in report["findings"] if finding["verdict"] == "match"}


def _force_pages() -> Callable[[int], AbstractContextManager[None]]:
    folder = ground_truth()
    assert folder is not None
    spec = importlib.util.spec_from_file_location("paging", folder / "paging.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.force_pages  # type: ignore[no-any-return]
