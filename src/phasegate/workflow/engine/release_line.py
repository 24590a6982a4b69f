"""The release line: the releases of a repository, one after another, and a run's tree on top of the newest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from phasegate.core import InvalidInput, Parked, plain_toml
from phasegate.ledger import Ledger
from phasegate.workspace import Merged, Side, Signature, Workspace

_AUTHOR = Signature("phasegate", "phasegate@phasegate.invalid")


class Tip(NamedTuple):
    """A release that the next one must contain."""

    version: str
    commit: str
    by_hand: bool = False
    """The branch that the run goes onto says a higher version than any release of ours."""

    def __str__(self) -> str:
        return f"version {self.version} of the branch" if self.by_hand else f"release {self.version}"


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A run's tree on top of the releases before it."""

    commit: str
    since: str
    """What the manager compares with: the run's approved tree with everything that came unchanged from releases."""
    tips: tuple[Tip, ...]
    """The releases that were merged in; none where the run contained them all."""
    kept: tuple[str, ...] = ()
    """Files of the run that a release has in other bytes: the run's stand."""
    mixed: tuple[str, ...] = ()
    """Files whose bytes are neither those that were approved in the run nor those of a release."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """The release line, whose releases are commits under refs of ours and not on branches."""

    workspace: Workspace
    ledger: Ledger

    async def remember(self) -> None:
        """Names the commits of releases that were made before releases had names."""
        if not self.workspace.marks(_RELEASED):
            for version, commit, _ in await self.ledger.releases():
                self.lengthen(version, commit)

    def lengthen(self, version: str, commit: str) -> None:
        """Notes a release, under the turn of its run alone."""
        self.workspace.mark(f"{_RELEASED}{version}", commit)

    @property
    def versions(self) -> frozenset[str]:
        """The versions that were released."""
        return frozenset(self.workspace.marks(_RELEASED))

    def tips(self, run_id: str, base: str) -> list[Tip]:
        """Return the releases that the run's release must contain, the newest last."""
        newest = self._newest()
        tips = [newest] if newest else []
        branch = self._branch(run_id)
        raised = _version(self.workspace.tree(branch)) if branch else None
        known = Version(newest.version) if newest else _version(self.workspace.tree(base))
        # A higher version on the branch was released by hand; to propose ours below it would go backwards (decision
        # 0020).
        if raised and known and raised > known:
            tips.append(Tip(str(raised), branch, by_hand=True))
        return tips

    async def ahead(self, run_id: str, base: str, commit: str) -> Tip | None:
        """Return the release that came first and that the approved commit does not contain, or None."""
        newest = self._newest()
        if newest and self.workspace.contains(newest.commit, commit):
            return newest if await self._is_anothers(run_id, commit) else None
        missing = [tip for tip in self.tips(run_id, base) if not self.workspace.contains(commit, tip.commit)]
        return missing[-1] if missing else None

    async def _is_anothers(self, run_id: str, commit: str) -> bool:
        """Return whether another run released that very commit, as two runs of one spec that begin together may."""
        by = {run for _, released, run in await self.ledger.releases() if released == commit}
        return bool(by - {run_id}) and run_id not in by

    async def place(self, run_id: str, base: str, own: str, owned: Sequence[str], when: datetime) -> Placed:
        """Puts what was approved in a run on top of the releases that it does not contain.

        Args:
            run_id: whose.
            base: the commit that the run began from.
            own: the commit that was approved last before the release.
            owned: patterns of the paths that the run's approved phases write.
            when: the time of the commits.

        Raises:
            Parked: both changed a file, and neither the run nor its releases own it.
        """
        tips = self.tips(run_id, base)
        merging = _Merging(self.workspace, own, owned, when)
        if not all(merging.take(tip) for tip in tips):
            merging = self._over_the_branch(run_id, merging, tips)
        # What no gate of this repository passed is shown whole to the manager, whoever put it there.
        proven = all([not tip.by_hand and await self.ledger.approved(tip.commit) for tip in merging.taken])
        return merging.placed(proven=proven)

    def _over_the_branch(self, run_id: str, failed: "_Merging", tips: Sequence[Tip]) -> "_Merging":
        """Takes up what a person made of it: their branch contains the releases, with the conflict settled."""
        branch, version = self._branch(run_id), tips[-1].version
        if branch and all(self.workspace.contains(branch, tip.commit) for tip in tips):
            again = _Merging(self.workspace, failed.own, failed.owned, failed.when)
            if again.take(Tip(version, branch, by_hand=True)):
                return again
        paths = ", ".join(failed.conflicts[:3])
        raise Parked(
            f"{tips[-1]} and run '{run_id}' both changed {paths}, and neither of them owns it",
            fix=(
                f"settle it on your branch: 'git merge {tips[-1].commit[:12]}', commit, "
                f"then 'phasegate run --resume {run_id}'"
            ),
        )

    def _newest(self) -> Tip | None:
        marks = self.workspace.marks(_RELEASED)
        # By version and not by time: refs have no order of their own, and 0.10.0 comes after 0.9.0.
        version = max(marks, key=Version, default="")
        return Tip(version, marks[version]) if version else None

    def _branch(self, run_id: str) -> str:
        name = self.workspace.aimed(f"target/{run_id}").removeprefix("refs/heads/")
        return self.workspace.tip(name) if name else ""


class _Merging:
    """Merges of releases into a run's commit, one after another."""

    def __init__(self, workspace: Workspace, own: str, owned: Sequence[str], when: datetime) -> None:
        self.own, self.owned, self.when = own, owned, when
        self.taken: list[Tip] = []
        self.conflicts: tuple[str, ...] = ()
        self._workspace = workspace
        self._commit = own
        self._merges: list[Merged] = []

    def take(self, tip: Tip) -> bool:
        """Merge a release, or return False where files are in conflict."""
        # Nothing to merge: a merge commit here would differ at each attempt, and with it every digest of the release.
        if self._workspace.contains(self._commit, tip.commit):
            return True
        commit, merged = self._workspace.merge(
            self._commit, tip.commit, self._rule, author=_AUTHOR, when=self.when, message=f"On top of {tip}"
        )
        self.conflicts = merged.conflicts
        if merged.conflicts:
            return False
        self._commit = commit
        self.taken.append(tip)
        self._merges.append(merged)
        return True

    def placed(self, *, proven: bool) -> Placed:
        """Return the merge's report, which shows whole what no gate of ours approved."""
        mixed = sorted({path for merged in self._merges for path in merged.mixed})
        return Placed(
            commit=self._commit,
            since=self._since(mixed) if proven else self.own,
            tips=tuple(self.taken),
            kept=tuple(sorted({path for merged in self._merges for path in merged.kept})),
            mixed=tuple(mixed),
        )

    def _since(self, mixed: Sequence[str]) -> str:
        if not mixed:
            return self._commit
        # Mixed files are shown against what was approved in the run: against the merge itself their difference would be
        # empty.
        before = self._workspace.tree(self.own)
        return self._workspace.commit(
            [self._commit],
            {path: before.get(path) for path in mixed},
            author=_AUTHOR,
            when=self.when,
            message="What was approved, side by side",
        )

    def _rule(self, path: str) -> Side:
        return "own" if any(fnmatchcase(path, pattern) for pattern in self.owned) else ""


_RELEASED = "released/"


def _version(tree: Mapping[str, bytes]) -> Version | None:
    """The version that pyproject.toml says, where it says one."""
    try:
        project = plain_toml.read(tree.get("pyproject.toml", b""), "pyproject.toml").get("project", {})
        return Version(str(project["version"]))
    except (InvalidInput, InvalidVersion, KeyError, TypeError):
        return None
