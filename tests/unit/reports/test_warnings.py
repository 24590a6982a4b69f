"""Lines about records that do not hold are computed anew after a while, and not for each page."""

from typing import Any

import pytest

from phasegate.reports import warnings
from phasegate.reports.warnings import RecordLines


@pytest.mark.parametrize(("seconds", "reads"), [(60.0, 1), (0.0, 3)])
async def test_an_answer_is_kept_for_a_while(monkeypatch: pytest.MonkeyPatch, seconds: float, reads: int) -> None:
    asked: list[Any] = []

    async def broken_records(app: Any) -> list[str]:
        asked.append(app)
        return [f"line {len(asked)}"]

    monkeypatch.setattr(warnings, "broken_records", broken_records)
    app: Any = object()
    lines = RecordLines(app, seconds)
    given = [await lines.read() for _ in range(3)]
    assert asked == [app] * reads
    assert given[-1] == [f"line {reads}"]
