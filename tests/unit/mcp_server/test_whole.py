"""A spec that another agent hands in, with the compiler behind it: from the first word to the person's gate."""

from pathlib import Path

import pytest

from phasegate.app import open_app
from phasegate.core import FixedClock
from phasegate.hosting import open_engine
from phasegate.ledger import RunStatus
from phasegate.mcp_server.server import build
from services.calling import called
from unit.authors.sample_spec import NOW, RUNBOOK, SPEC, sample_repository


@pytest.mark.slow
async def test_a_spec_comes_to_its_gate_and_waits_for_a_person(tmp_path: Path) -> None:
    async with open_app(sample_repository(tmp_path / "target"), clock=FixedClock(NOW)) as app:
        server = build(app, {})
        made = await called(server, "submit_spec", name="free-again", spec=SPEC, runbook=RUNBOOK)
        run = (await called(server, "start_run", spec=made["spec"]))["id"]
        assert (await called(server, "list_artifacts", run=run))["artifacts"] == []
        async with open_engine(app) as segments:
            assert await segments.advance(run) is RunStatus.waiting
        whole = await called(server, "get_run", run=run)
        (gate,) = (await called(server, "list_gates"))["gates"]
        paths = [row["path"] for row in (await called(server, "list_artifacts", run=run))["artifacts"]]
        spec = await called(server, "read_artifact", run=run, path=f"{made['spec']}/spec.md", gate="specify/1")
        findings = await called(server, "list_findings", run=run)
        trace = await called(server, "get_trace", run=run, limit=200)
        assert await app.ledger.decisions(run) == []
    assert (whole["status"], whole["by"], gate["gate"]) == ("waiting", "mcp", f"{run}/specify/1")
    assert {f"{made['spec']}/spec.md", f"{made['spec']}/runbook.yaml"} <= set(paths)
    assert "AC-001" in spec["text"]
    assert (findings["gate"], [row for row in findings["findings"] if row["blocking"]]) == ("specify/1", [])
    assert "FR-001" in {node["id"] for node in trace["nodes"]}
