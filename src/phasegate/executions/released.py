"""Released packages as they are installed here, each proven to hold what was released before it runs."""

import asyncio
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.version import Version

from phasegate.app.app import App
from phasegate.core import Missing, PhasegateError, Refused, UsageError, digest, identifier
from phasegate.executions.command import run_command
from phasegate.ledger.events import EffectDone
from phasegate.release import Installation, changed_files


@dataclass(frozen=True, kw_only=True)
class Package:
    """A released version of the package, installed in an environment of its own."""

    installation: Installation
    script: str
    """Its command."""
    module: str
    """Its Python package."""
    wheel: Path
    sha256: str
    """Of the wheel, as the signed record of the release has it."""
    run: str
    """The run that released it."""

    @property
    def version(self) -> str:
        """Return the version."""
        return self.installation.version

    def require_unchanged(self) -> None:
        """Refuse to run anything but the released bytes.

        Raises:
            Missing: the wheel or its environment is gone.
            Refused: one of them holds other bytes than the ledger tells of; `release_changed`.
        """
        again = f"phasegate run --resume {self.run}"
        if not self.wheel.is_file() or not self.installation.python.exists():
            gone = self.wheel if not self.wheel.is_file() else self.installation.folder
            raise Missing(f"{gone} of the release {self.version} is gone", fix="restore it from a backup of the record")
        content = self.wheel.read_bytes()
        if digest(content) != self.sha256:
            raise Refused(f"{self.wheel} is no longer what was released", reason="release_changed", fix=_FIX)
        changed = changed_files(self.installation, content, self.module)
        if changed:
            raise Refused(
                f"{self.installation.folder} is not what was released: {', '.join(changed[:3])}",
                reason="release_changed",
                fix=f"find out who changed it, remove the folder, and install it again: '{again}'",
            )

    def modules(self) -> frozenset[str]:
        """Return the modules of its runbooks, none where the wheel is gone."""
        if not self.wheel.is_file():
            return frozenset()
        folder = f"{self.module}/runbooks/"
        with zipfile.ZipFile(self.wheel) as archive:
            names = (name.removeprefix(folder) for name in archive.namelist() if name.startswith(folder))
            return frozenset(name.removesuffix(".py") for name in names if name.endswith(".py")) - {"__init__"}

    def permissions(self, runbook: str) -> tuple[str, ...]:
        """Return the IAM actions that a runbook's policy allows, sorted, or none where it ships no policy."""
        try:
            with zipfile.ZipFile(self.wheel) as archive:
                text = archive.read(f"{self.module}/runbooks/{identifier(runbook)}.iam-policy.json")
        except KeyError:
            return ()
        rows = json.loads(text).get("Statement", ())
        return tuple(sorted({action for row in rows for action in _many(row.get("Action", ()))}))


_FIX = "find out who changed the index, and release again"


@dataclass(frozen=True, kw_only=True)
class Releases:
    """The released packages of a repository."""

    app: App
    _listed: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """What packages say of their runbooks, by the digest of the wheel."""

    async def packages(self) -> list[Package]:
        """Return every release that was installed here, the newest first."""
        found = [await self._package(run) for _, _, run in await self.app.ledger.releases()]
        return sorted(filter(None, found), key=lambda package: Version(package.version), reverse=True)

    async def version(self, version: str) -> Package:
        """Return the release of that version, or the newest where it is empty.

        Raises:
            UsageError: there is none.
        """
        packages = await self.packages()
        found = next((package for package in packages if version in ("", package.version)), None)
        if found:
            return found
        if not packages:
            raise UsageError("nothing was released here yet", fix="release a spec: 'phasegate run specs/NNN-name'")
        known = ", ".join(package.version for package in packages)
        raise UsageError(f"there is no release '{version}'", fix=f"name one of {known}")

    async def newest(self) -> list[tuple[Package, Mapping[str, Any]]]:
        """Return each runbook of the newest release that has it, with what it says of itself.

        A release is asked only for what no newer one has: each takes a process of its own.
        """
        found: dict[str, tuple[Package, Mapping[str, Any]]] = {}
        seen = frozenset[str]()
        for package in await self.packages():
            if package.modules() - seen:
                for runbook in await self.runbooks(package):
                    found.setdefault(runbook["name"], (package, runbook))
            seen |= package.modules()
        return [found[name] for name in sorted(found)]

    async def versions(self, runbook: str) -> tuple[str, ...]:
        """Return the releases that have a runbook, the newest first."""
        found = (package for package in await self.packages() if identifier(runbook) in package.modules())
        return tuple(package.version for package in found)

    async def runbooks(self, package: Package) -> Sequence[Mapping[str, Any]]:
        """Return name, title, kind, severity, schedule and `acts` of each runbook, as the package's command lists them.

        Raises:
            Refused: the installed package is not what was released.
        """
        if package.sha256 not in self._listed:
            await asyncio.to_thread(package.require_unchanged)
            self._listed[package.sha256] = await self._ask(package)
        return self._listed[package.sha256]

    async def find(self, name: str, version: str = "") -> tuple[Package, Mapping[str, Any]]:
        """Return the newest release of a runbook, or the one of that version, with what it says of itself.

        Raises:
            UsageError: there is no such runbook.
        """
        packages = [await self.version(version)] if version else await self.packages()
        for package in packages:
            if package.wheel.is_file() and identifier(name) not in package.modules():
                continue
            for runbook in await self.runbooks(package):
                if runbook["name"] == name:
                    return package, runbook
        await self.version(version)
        raise UsageError(f"there is no released runbook '{name}'", fix="list them: 'phasegate runbook list'")

    async def _ask(self, package: Package) -> Sequence[Mapping[str, Any]]:
        ran = await run_command(package, ["list", "--json"], env={}, seconds=60)
        try:
            found = json.loads(ran.stdout) if not ran.exit_code else None
        except ValueError:
            found = None
        if not isinstance(found, list):
            raise PhasegateError(
                f"'{package.script} list' of {package.version} ended with {ran.exit_code}: {ran.tail}",
                fix="run it by hand to see all of it",
            )
        return found

    async def _package(self, run: str) -> Package | None:
        receipts = {done.effect: done.receipt for done in await self.app.ledger.events_of(run, EffectDone)}
        published, installed = receipts.get("publish", {}), receipts.get("install", {})
        if not ("wheel" in published and "environment" in installed):
            return None
        wheel = self.app.folder.file(published["wheel"])
        project = self.app.config.project
        return Package(
            installation=Installation(
                project=project.name,
                version=str(published["version"]),
                folder=self.app.folder.file(installed["environment"]),
            ),
            script=project.name,
            module=project.package,
            wheel=wheel,
            sha256=str(published["files"][wheel.name]),
            run=run,
        )


def _many(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
