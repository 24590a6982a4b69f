"""A released package whose command prints what a test has it print: a real wheel, environment, ledger and process."""

import io
import json
import os
import venv
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from phasegate.app import App
from phasegate.core import digest, new_id
from phasegate.executions import Package, Releases
from phasegate.ledger import GateStatus, Run
from phasegate.ledger.events import EffectDone
from phasegate.runbooks.runtime.runbook import digest as fingerprint
from phasegate.store.schema import gates

NAME = "free-volumes"
ANSWER = "AWS_TEST_ANSWER"
"""Variable that names the file with what the command prints; AWS's variables are all that it sees of ours."""
ABOUT = {
    "name": NAME,
    "title": "Free volumes",
    "kind": "waste",
    "severity": "medium",
    "schedule": "0 6 * * 1-5",
    "acts": True,
}
_CLI = """
import json, os, sys, time

def main():
    if sys.argv[1:] == ["list", "--json"]:
        print(json.dumps(ABOUT))
        return 0
    answer = json.load(open(os.environ["AWS_TEST_ANSWER"]))
    for line in answer["says"]:
        print(line, file=sys.stderr, flush=True)
    while answer.get("wait") and os.path.exists(answer["wait"]):
        time.sleep(0.02)
    seen = {"words": sys.argv[1:], "env": sorted(os.environ)}
    print(json.dumps({**answer["report"], **seen}) if "report" in answer else answer["text"])
    return answer["exit"]
"""


def found(
    item: str, *, region: str = "eu-west-1", verdict: str = "match", cost: float | None = 8.0, **more: Any
) -> Any:
    """Return a finding as a released command reports it."""
    account = more.pop("account", "111111111111")
    return {
        "id": item,
        "fingerprint": fingerprint([NAME, account, region, item])[:16],
        "digest": fingerprint([item]),
        "account": account,
        "region": region,
        "verdict": verdict,
        "severity": "medium",
        "reason": "",
        "held_back": "",
        "evidence": {"Size": 100},
        "cost": None if cost is None else {"monthly": cost, "currency": "USD"},
        **more,
    }


def report(
    *findings: Mapping[str, Any],
    looked: Sequence[tuple[str, str]] = (("111111111111", "eu-west-1"),),
    errors: Sequence[Mapping[str, Any]] = (),
    **more: Any,
) -> dict[str, Any]:
    """Return the report of a scan with these findings."""
    matches = [each for each in findings if each["verdict"] == "match"]
    return {
        "runbook": NAME,
        "params": {},
        "regions": sorted({region for _, region in looked}),
        "looked": [{"account": account, "region": region, "judged": 9} for account, region in looked],
        "digest": fingerprint([each["digest"] for each in matches]),
        "counts": {"judged": 9, "match": len(matches), "warn": 0, "skip": 0, "unknown": 0},
        "findings": list(findings),
        "errors": list(errors),
        "cost_per_month": sum(each["cost"]["monthly"] for each in matches if each["cost"]),
        "currency": "USD",
        "unpriced": 0,
        **more,
    }


def failed(region: str, code: str = "AccessDenied") -> dict[str, Any]:
    """Return a failed call as a report has it."""
    return {"account": "111111111111", "region": region, "call": "ec2.describe_volumes", "code": code, "count": 1}


class Answers:
    """What the command prints next."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "answer.json"
        os.environ[ANSWER] = str(self.file)
        self.give(report())

    def give(self, said: Mapping[str, Any] | str, *, exit: int = 0, says: Sequence[str] = (), wait: str = "") -> None:
        """Have it print a report, or a text, and end with that code."""
        what = {"text": said} if isinstance(said, str) else {"report": said}
        self.file.write_text(json.dumps({**what, "exit": exit, "says": list(says), "wait": wait}))


async def release(app: App, version: str = "1.0.0", rows: Sequence[Mapping[str, Any]] = (ABOUT,)) -> Package:
    """Release a package with these runbooks, as the effects of a run leave it."""
    module, project = app.config.project.package, app.config.project.name
    about = json.dumps(list(rows)).replace("true", "True").replace("false", "False")
    files = {
        f"{module}/__init__.py": b"",
        f"{module}/cli.py": f"ABOUT = {about}\n{_CLI}".encode(),
        **{f"{module}/runbooks/{row['name'].replace('-', '_')}.py": b"" for row in rows},
        f"{module}/runbooks/free_volumes.iam-policy.json": json.dumps(
            {"Statement": [{"Action": ["ec2:DescribeVolumes", "ec2:DeleteVolume"]}, {"Action": "ec2:DescribeRegions"}]}
        ).encode(),
        f"{module}-{version}.dist-info/METADATA": b"",
    }
    content = _zipped(files)
    wheel = app.folder.index / project / f"{module}-{version}-py3-none-any.whl"
    wheel.parent.mkdir(parents=True, exist_ok=True)
    wheel.write_bytes(content)
    place = app.state / "installed" / f"{project}-{version}"
    _install(place, files)
    receipts: dict[str, dict[str, Any]] = {
        "publish": {"version": version, "wheel": app.folder.name(wheel), "files": {wheel.name: digest(content)}},
        "install": {"environment": app.folder.name(place)},
    }
    await _record(app, receipts)
    return await Releases(app=app).version(version)


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def site_of(package: Package) -> Path:
    """Return the folder that the package was installed into."""
    return next((package.installation.folder / "lib").glob("python*")) / "site-packages"


def _install(place: Path, files: Mapping[str, bytes]) -> None:
    venv.EnvBuilder(symlinks=True, with_pip=False).create(place)
    site = next((place / "lib").glob("python*")) / "site-packages"
    for name, data in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(data)
    (place / "dependencies").mkdir()
    (site / "dependencies.pth").write_bytes(os.path.relpath(place / "dependencies", site).encode() + b"\n")


async def _record(app: App, receipts: Mapping[str, Mapping[str, Any]]) -> None:
    run = Run(
        id=new_id(),
        spec="specs/001-free-volumes",
        flow=app.flow.name,
        branch="",
        base=app.workspace.head(),
        started_at=app.clock.now(),
    )
    await app.ledger.add_run(run, (await app.queue.opened()).dispatch)
    for effect, receipt in receipts.items():
        await app.ledger.record(run.id, EffectDone(phase="release", effect=effect, receipt=receipt))
    row = {"run": run.id, "phase": "release", "attempt": 1, "status": GateStatus.decided.value, "commit": run.base}
    row |= {"tree": "", "since": "", "digest": "", "opened_at": 0}
    await app.database.write(lambda connection: connection.execute(sa.insert(gates).values(row)) and None)
