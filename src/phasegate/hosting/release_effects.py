"""Effects of an approved release, each of which finds what it did before when it runs again."""

import json
import os
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from phasegate.app.working_copy import WorkingCopy
from phasegate.authors import digests_path
from phasegate.core import InvalidInput, PhasegateError, Refused
from phasegate.core.files import OWNER_FILE, write_whole
from phasegate.release import (
    Builder,
    Built,
    FolderIndex,
    Installation,
    Smoke,
    Trial,
    install,
    smoke,
    smoke_imports,
    verify_wheel,
)
from phasegate.workflow import EFFECTS, Effect, Outcome


def effects(folder: WorkingCopy, builder: Builder) -> dict[str, Effect]:
    """The effects that a workflow can name."""
    release = Releaser(folder, builder)
    bodies: list[Effect] = [release.publish, release.install, release.smoke, release.land]
    return dict(zip(EFFECTS, bodies, strict=True))


class Releaser:
    """Publishes, installs, tries and lands what was approved."""

    def __init__(self, folder: WorkingCopy, builder: Builder) -> None:
        self._folder = folder
        self._builder = builder
        self._index = FolderIndex(folder.index)

    async def publish(self, outcome: Outcome) -> dict[str, Any]:
        """Publishes the approved bytes to the folder index.

        Raises:
            Refused: what is built now is not what was approved (`not_as_approved`), a file of the wheel comes from no
                approved tree (`wheel_contents`), or the index holds other bytes (`index_conflict`).
        """
        built = await self._approved(outcome)
        # Right before the index is written, which no transaction can take back: a worker that was taken over must not
        # publish.
        await self._folder.ledger.confirm()
        receipt = await self._index.publish(built.files)
        files = {file.name: file.sha256 for file in receipt.files}
        wheel = self._folder.index / receipt.project / built.project.wheel_name
        return {"version": receipt.version, "wheel": self._folder.name(wheel), "files": files}

    async def install(self, outcome: Outcome) -> dict[str, Any]:
        """Installs what the index holds into a clean environment."""
        built = await self._approved(outcome)
        receipt = await self._index.read(built.project.name, built.project.version)
        if receipt is None:
            raise PhasegateError(
                f"the index does not hold {built.project.name} {built.project.version} any more",
                fix=f"put its folder back, then 'phasegate run --resume {outcome.facts.run}'",
            )
        await self._folder.ledger.confirm()
        installation = await install(receipt, built.project, self._environment(outcome, built))
        return {"environment": self._folder.name(installation.folder)}

    async def smoke(self, outcome: Outcome) -> dict[str, Any]:
        """Run the installed command, as a dry run where an account is configured, or import what has no runbooks."""
        built = await self._approved(outcome)
        installation = Installation(
            project=built.project.name,
            version=built.project.version,
            folder=self._environment(outcome, built),
        )
        if not (await self._folder.kind(outcome.facts.run)).source:
            return {"modules": len(await smoke_imports(installation, built.project.package))}
        tried = await smoke(installation, script=outcome.facts.project, trial=self._trial(outcome))
        return {"runbooks": len(tried.runbooks), **self._kept(outcome, tried)}

    async def land(self, outcome: Outcome) -> dict[str, Any]:
        """Moves the branch that the run began from to the release where nothing of the user's is in the way."""
        facts, workspace = outcome.facts, self._folder.workspace
        # Files that are still as they were handed in are the run's own, and landing may replace them.
        intake = workspace.marked(f"intake/{facts.run}/1") or outcome.commit
        branch = workspace.aimed(f"target/{facts.run}")
        # Inside a transaction of ours, which another worker that took the run over would have to wait for: the branch
        # is moved once.
        landed = await self._folder.ledger.holding(partial(workspace.land, outcome.commit, intake, branch))
        return {"landed": landed, "commit": outcome.commit}

    async def _approved(self, outcome: Outcome) -> Built:
        # Built again and never carried along: what is published is made from the approved tree, and must have the
        # approved digests.
        built = await self._builder.build(outcome.files, at=outcome.facts.midnight)
        approved = outcome.files.get(digests_path(built.project.version), b"{}")
        if json.loads(approved) != built.digests:
            raise Refused(
                f"{built.project.wheel_name} as built now is not what was approved",
                reason="not_as_approved",
                fix="something of the build environment changed: start the release again",
            )
        wrong = [finding for finding in verify_wheel(built.wheel, outcome.files) if finding.blocking]
        if wrong:
            raise Refused(f"{built.project.wheel_name}: {wrong[0].message}", reason="wheel_contents", fix=wrong[0].fix)
        return built

    def _trial(self, outcome: Outcome) -> Trial | None:
        aws = self._folder.config.aws
        if not aws.endpoint_url:
            return None
        return Trial(
            runbook=outcome.facts.name,
            region=aws.region,
            as_of=_as_of(aws.as_of) or outcome.facts.started_at,
            env=aws.environment(os.environ),
        )

    def _kept(self, outcome: Outcome, tried: Smoke) -> Mapping[str, Any]:
        if tried.report is None:
            return {}
        # In a file: a report of a large account would not fit into the run's record, of which every gate reads all.
        path = self._folder.workspace.state / "runs" / outcome.facts.run / "report.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(tried.report, indent=1, sort_keys=True).encode(), OWNER_FILE)
        cost = {name: tried.report[name] for name in ("cost_per_month", "unpriced") if name in tried.report}
        return {"findings": len(tried.findings), **cost, "report": self._folder.name(path)}

    def _environment(self, outcome: Outcome, built: Built) -> Path:
        return self._folder.workspace.state / "installed" / f"{outcome.facts.project}-{built.project.version}"


def _as_of(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidInput(f"[aws] as_of '{text}' is not a time", fix="write it as 2026-11-18T20:10:00Z") from error
