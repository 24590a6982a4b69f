"""User's folder and configuration, as the workflow reads them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from phasegate.app.config import Config
from phasegate.authors import Deliverable, Facts
from phasegate.authors.kinds import kind_of
from phasegate.core import InvalidInput, Severity
from phasegate.core.secret_kinds import is_secret_file
from phasegate.ledger import Ledger
from phasegate.workspace import LINK, Workspace

MAX_BYTES = 1_048_576


@dataclass(frozen=True, kw_only=True)
class WorkingCopy:
    """User's working directory, and the runs that began in it."""

    path: Path
    config: Config
    ledger: Ledger
    workspace: Workspace
    unreleasable: Callable[[str], bool]
    """Whether what a policy of that name passes may not leave this machine."""
    known: dict[str, Facts] = field(default_factory=dict)

    @property
    def index(self) -> Path:
        """Folder that packages are published to."""
        given = self.config.index.path
        return self.file(given) if given else self.workspace.state / "index"

    def name(self, file: Path) -> str:
        """Return a file's name for receipts: the same in every work tree, and after the repository moved."""
        for top, name in ((self.workspace.state, LINK), (self.path, "")):
            if file.is_relative_to(top):
                return (Path(name) / file.relative_to(top)).as_posix()
        return str(file)

    def file(self, name: str) -> Path:
        """Return the file that a receipt calls by that name."""
        path = Path(name)
        return self.workspace.state.joinpath(*path.parts[1:]) if path.parts[:1] == (LINK,) else self.path / path

    async def facts(self, run_id: str) -> Facts:
        """Return the facts of a run."""
        if run_id not in self.known:
            run = await self.ledger.run(run_id)
            self.known[run_id] = Facts(
                run=run.id,
                spec=run.spec,
                project=self.config.project.name,
                package=self.config.project.package,
                started_at=run.started_at,
                unreleasable=bool(run.policy) and self.unreleasable(run.policy),
            )
        return self.known[run_id]

    async def kind(self, run_id: str) -> Deliverable:
        """Return the kind of deliverable that was handed in when the run began.

        A draft that leaves its runbook out cannot make the run another kind, which fewer checks judge.
        """
        facts = await self.facts(run_id)
        return kind_of(self.workspace.tree(self.intake(facts, 1)), facts.spec)

    async def versions(self) -> frozenset[str]:
        """Return the versions that the package index holds files of."""
        from phasegate.release import FolderIndex  # what builds and signs is needed by none that only reads

        return await FolderIndex(self.index).versions(self.config.project.name)

    async def handed_in(self, run_id: str, attempt: int) -> Mapping[str, bytes]:
        """Return the files of the spec's folder that the user wrote since the attempt before, the same at each call."""
        facts = await self.facts(run_id)
        before, now = self.intake(facts, attempt - 1), self.intake(facts, attempt)
        old, new = self.workspace.tree(before), self.workspace.tree(now)
        # Only what changed: a file that was not touched since would undo what the rework made of it (decision 0002).
        return {path: new[path] for path in new if path.startswith(f"{facts.spec}/") and old.get(path) != new[path]}

    def intake(self, facts: Facts, attempt: int) -> str:
        """Return the commit with the spec's folder as it was when an attempt began, or before the run for attempt 0.

        Taken once: a draft that runs again after a crash reads what it read before.
        """
        name = f"intake/{facts.run}/{attempt}"
        taken = self.workspace.marked(name)
        if taken:
            return taken
        if attempt == 0:
            return self.workspace.head()
        before, files = self.intake(facts, attempt - 1), self._of(facts.run).read(facts.spec)
        _hold_no_secret(files, facts.spec, self.workspace.tree(before))
        commit = self.workspace.commit(
            [before],
            files,
            author=self.workspace.user,
            # The same time in every try, so that a draft that is made again reads the same commit.
            when=facts.started_at,
            message=f"{facts.spec}: as it was handed in",
        )
        self.workspace.mark(name, commit)
        return commit

    def _of(self, run: str) -> "WorkingCopy":
        """Return the work tree that a run was begun in: a worker in another one of the repository may take it up."""
        top = self.workspace.work_tree(self.workspace.aimed(f"target/{run}"))
        return self if top in (None, self.path) else replace(self, path=top, workspace=Workspace.open(top))

    def read(self, spec: str) -> dict[str, bytes]:
        """Return the files of the spec's folder in the working directory, by path from the top of the repository.

        What Git ignores there, and files that hold secrets by their name, are left out: see `left_out`.

        Raises:
            InvalidInput: a file is larger than 1 MiB, or is a link out of the folder.
        """
        top = self.path / spec
        files = {file.relative_to(self.path).as_posix(): file for file in self._files(spec)}
        return {path: _content(file, top) for path, file in files.items() if not self._why_left_out(path)}

    def left_out(self, spec: str) -> dict[str, str]:
        """Return the files of the spec's folder that no run takes in, by path, each with the reason."""
        paths = [file.relative_to(self.path).as_posix() for file in self._files(spec)]
        return {path: why for path in paths if (why := self._why_left_out(path))}

    def _files(self, spec: str) -> list[Path]:
        return [file for file in sorted((self.path / spec).rglob("*")) if not file.is_dir()]

    def _why_left_out(self, path: str) -> str:
        if is_secret_file(path.rpartition("/")[2]):
            return "files of this name hold secrets"
        return "Git ignores it" if self.workspace.is_ignored(path) else ""

    def locate(self, spec: Path) -> str:
        """Return the spec's folder from the top of the repository, for a path to it or to the spec's file in it.

        Raises:
            InvalidInput: there is no spec, or it lies outside the repository.
        """
        from phasegate.spec import FORMATS, format_of  # loads what parses, which most commands need none of

        given = spec if spec.is_absolute() else Path.cwd() / spec
        # Links are followed first: the folder that is read has to be in the repository, and not only its name.
        folder = (given.parent if given.name in {each.file for each in FORMATS} else given).resolve()
        if not folder.is_relative_to(self.path.resolve()):
            raise InvalidInput(f"'{spec}' lies outside '{self.path}'", fix="keep specs in specs/NNN-name/ of it")
        name = folder.relative_to(self.path.resolve()).as_posix()
        file = format_of([f"{name}/{each.file}" for each in FORMATS if (folder / each.file).is_file()], name).file
        if not (folder / file).is_file():
            raise InvalidInput(
                f"'{name}' has no {file}", fix="add one: 'phasegate spec new NAME', or name another spec"
            )
        if why := self._why_left_out(f"{name}/{file}"):
            raise InvalidInput(f"'{name}/{file}' is left out: {why}", fix="take it out of .gitignore")
        return name

    def specs(self) -> set[str]:
        """Return the folders below `specs/` that hold a spec in any format, from the top of the repository."""
        from phasegate.spec import FORMATS  # as above

        found = (file for each in FORMATS for file in self.path.glob(f"specs/*/{each.file}"))
        return {file.parent.relative_to(self.path).as_posix() for file in found}


@dataclass(frozen=True, kw_only=True)
class PolicyFacts:
    """Configuration that a gate policy's conditions are held against."""

    config: Config

    @property
    def demo_workspace(self) -> bool:
        """Return whether the workspace was made for the demonstration."""
        return self.config.demo

    @property
    def loopback_endpoint(self) -> bool:
        """Return whether the AWS endpoint is on this machine."""
        return self.config.loopback_endpoint

    @property
    def loopback_index(self) -> bool:
        """Return whether packages are published into a local folder, which is the only kind of index so far."""
        return True

    def risk(self, files: Mapping[str, bytes], spec: str) -> tuple[Severity, bool]:
        """Return the severity that the spec's files declare, and whether its runbook has a destructive action."""
        return kind_of(files, spec).risk(files, spec)


def _hold_no_secret(files: Mapping[str, bytes], spec: str, before: Mapping[str, bytes]) -> None:
    from phasegate.spec.lint import lint_secrets

    new = {path: content for path, content in files.items() if before.get(path) != content}
    findings = lint_secrets(new, spec)
    if findings:
        first = findings[0]
        message = f"'{spec}' is not taken in: {first.path}:{first.line} looks like a secret"
        raise InvalidInput(message, fix="take it out, and have whoever issued it replace it", findings=findings)


def _content(file: Path, top: Path) -> bytes:
    if not file.resolve().is_relative_to(top.resolve()):
        raise InvalidInput(f"'{file}' leads out of the spec's folder", fix="put the file itself there")
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise InvalidInput(f"'{file}' has {size:,} bytes; {MAX_BYTES:,} are the most", fix="a spec is a few pages")
    return file.read_bytes()
