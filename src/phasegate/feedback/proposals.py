"""Specs that others hand in: each becomes a folder of its own among the backlog, and none is ever overwritten."""

import asyncio
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phasegate.app.app import App
from phasegate.authors.kinds import RUNBOOK_FILE, kind_of, runbook_path
from phasegate.authors.roles import unwritten
from phasegate.core import Exhausted, Finding, InvalidInput, Refused, Severity, worst_first
from phasegate.scaffold import next_folder
from phasegate.spec import SPECKIT
from phasegate.store import locked
from phasegate.workspace import LINK

MOST = 500
"""Folders of specs that there may be before nothing more is handed in."""
# In the work tree: a rename from the state directory fails where that is on another file system.
_UNFINISHED = f"{LINK}-proposal"
_LONGEST_NAME = 60
_FOLDER = re.compile(r"specs/\d{3,}-[^/]+/")


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A spec as it was handed in, and what is wrong with it."""

    spec: str
    """Its folder, from the top of the repository."""
    findings: tuple[Finding, ...]
    """The worst first."""

    @property
    def blocking(self) -> int:
        """Number of findings that keep the proposal from being begun."""
        return sum(finding.blocking for finding in self.findings)


@dataclass(frozen=True)
class Proposals:
    """Hands specs in to one repository."""

    app: App

    async def judge(self, name: str, spec: str, runbook: str = "") -> Proposal:
        """Return what `hand_in` would return, or raise its errors, and write nothing."""
        return await asyncio.to_thread(self._judged, name, spec, runbook)

    async def hand_in(self, name: str, spec: str, runbook: str = "") -> Proposal:
        """Write a spec into a new folder of the working directory, without a commit or a run.

        The same name with the same bytes is the same proposal, however often it is handed in. One that has findings
        is a proposal too: people see them in the backlog, and no run begins before they are mended.

        Args:
            name: words in lower case joined by hyphens; the folder gets the next free number before it.
            spec: text of `spec.md`.
            runbook: text of `runbook.yaml`; empty: none.

        Raises:
            UsageError: the name is of another form.
            InvalidInput: a text is too large, or is not one that can be read safely; nothing was written.
            Refused: the name stands for something else already (`spec_exists`), or there are too many specs
                (`backlog_full`).
        """
        # A caller may go away: the lock is held until the thread has ended all the same.
        return await asyncio.shield(self._alone(name, spec, runbook))

    async def _alone(self, name: str, spec: str, runbook: str) -> Proposal:
        async with locked(self.app.database.store, "proposals"):
            return await asyncio.to_thread(self._handed_in, name, spec, runbook)

    def _judged(self, name: str, spec: str, runbook: str) -> Proposal:
        place, _ = self._place(name, _texts(spec, runbook))
        return self._proposal(place, _texts(spec, runbook))

    def _handed_in(self, name: str, spec: str, runbook: str) -> Proposal:
        texts = _texts(spec, runbook)
        place, there = self._place(name, texts)
        proposal = self._proposal(place, texts)
        if not there:
            self._write(place, texts)
        return proposal

    def _proposal(self, place: str, texts: Mapping[str, bytes]) -> Proposal:
        from phasegate.runbooks.language.lint import readable  # these load the compiler, which only this needs
        from phasegate.spec import read_spec

        files = {f"{place}/{file}": content for file, content in texts.items()}
        read_spec(files, place)
        if RUNBOOK_FILE in texts:
            readable(texts[RUNBOOK_FILE].decode(), runbook_path(place))
        return Proposal(spec=place, findings=tuple(worst_first(self._findings(files, place))))

    def _findings(self, files: Mapping[str, bytes], place: str) -> Sequence[Finding]:
        kind, app = kind_of(files, place), self.app
        found = kind.lint(files, place)
        if kind.source or not unwritten(app.roles, app.team.cards, app.flow, kind):
            return found
        return [_missing_runbook(place), *found]

    def _place(self, name: str, texts: Mapping[str, bytes]) -> tuple[str, bool]:
        """Return the spec's folder, and whether the spec is there already."""
        folders = self._folders()
        free = next_folder(_checked(name), folders)
        same = [folder for folder in folders if re.fullmatch(rf"specs/\d{{3,}}-{name}/", folder)]
        if not same:
            if len(folders) >= MOST:
                fix = "have a person clear the backlog"
                raise Refused(f"there are {len(folders)} specs already", reason="backlog_full", fix=fix)
            return free, False
        place = same[0].rstrip("/")
        # The same bytes are a second try of a call whose answer was lost; anything else would change somebody's spec.
        if self.app.folder.read(place) != {f"{place}/{file}": content for file, content in texts.items()}:
            fix = f"take another name, or have a person change {place}"
            raise Refused(f"'{place}' is there, with other content", reason="spec_exists", fix=fix)
        return place, True

    def _folders(self) -> list[str]:
        """The folders of specs, in the working directory and in the commit that is checked out."""
        top = self.app.folder.path / "specs"
        # A link would have an agent write outside of the repository.
        if top.resolve() != self.app.folder.path.resolve() / "specs":
            raise InvalidInput(f"'{top}' is a link to elsewhere", fix="make it a folder of the repository")
        here = [f"specs/{entry.name}/" for entry in top.iterdir()] if top.is_dir() else []
        committed = self.app.workspace.tree(self.app.workspace.head())
        return sorted({match[0] for path in (*here, *committed) if (match := _FOLDER.match(path))})

    def _write(self, place: str, texts: Mapping[str, bytes]) -> None:
        """All files of the folder, or none: whoever looks meanwhile sees no half of it."""
        top = self.app.folder.path
        beside, target = top / _UNFINISHED, top / place
        shutil.rmtree(beside, ignore_errors=True)
        try:
            beside.mkdir()
            for file, content in texts.items():
                (beside / file).write_bytes(content)
            target.parent.mkdir(exist_ok=True)
            os.rename(beside, target)
        except OSError as error:
            raise Exhausted(f"'{place}' cannot be written: {error.strerror}", fix="make room, and try again") from error


def _checked(name: str) -> str:
    if len(name) > _LONGEST_NAME:
        raise InvalidInput(f"the name has {len(name)} characters; {_LONGEST_NAME} are the most", fix="shorten it")
    return name


def _texts(spec: str, runbook: str) -> dict[str, bytes]:
    given = {SPECKIT.file: spec, **({RUNBOOK_FILE: runbook} if runbook else {})}
    try:
        return {file: text.encode() for file, text in given.items()}
    except UnicodeEncodeError as error:
        raise InvalidInput(f"the text is not Unicode at character {error.start}", fix="send it as UTF-8") from error


def _missing_runbook(place: str) -> Finding:
    return Finding(
        check="spec-lint",
        rule="missing-runbook",
        severity=Severity.high,
        path=runbook_path(place),
        message=f"there is no {RUNBOOK_FILE}, and the compiler builds from nothing else",
        fix="have a person add it (docs/runbook-language.md), or hand the spec in with it under another name",
    )
