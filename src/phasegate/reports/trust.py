"""The root of trust as people see it: what counts, what waits for a signature, and what is not as it was pinned."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from phasegate.app.app import App, require_sound
from phasegate.app.config import Config, read_config
from phasegate.core import InvalidInput, Refused
from phasegate.core.report import Report
from phasegate.ledger import PublicKey, Signer, system_key
from phasegate.store import locate
from phasegate.team import Surface
from phasegate.trust import (
    ROOTS,
    Change,
    Standing,
    Trust,
    TrustStore,
    changes,
    effective,
    list_approvers,
    proposed,
    proposed_settings,
    sign_next,
    texts,
)
from phasegate.workspace import Workspace

MOST_NAMED = 4


class RootManager(Report):
    """A manager whom the root names."""

    name: str
    public_key: str
    """Ed25519, base64."""
    card: str


class RootChange(Report):
    """A part of the working files that differs from the root, and has no effect."""

    name: str
    lines: tuple[str, ...]
    """The difference, `+` before what is proposed and `-` before what counts."""


class RootView(Report):
    """The root that counts here, and what waits for a signature."""

    standing: str
    """`held`, `absent`, `unknown` or `refused`."""
    fingerprint: str
    """SHA-256 of the first version; empty: there is no root."""
    version: int
    """0: there is none."""
    made_at: datetime
    signed_by: tuple[str, ...]
    managers: tuple[RootManager, ...]
    threshold: int
    """Managers who have to sign the next version."""
    workflow: str
    system: tuple[str, ...]
    """Keys that may sign events, base64."""
    changes: tuple[RootChange, ...]
    """What waits for a manager's signature."""
    waiting: str
    """The same in one line; empty: nothing waits."""
    more: int
    """Signatures that the next version still needs, where one is signed already; else 0."""
    wrong: tuple[str, ...]
    """What is not as it was pinned, a sentence each."""
    fix: str
    """What to do about it."""


@dataclass(frozen=True, kw_only=True)
class TrustDesk:
    """A repository's roots beside its working files, as they were when it was opened."""

    folder: Path
    state: Path
    store: TrustStore
    trust: Trust
    working: Config
    system: PublicKey | None
    """The key that this copy signs events with; None: it has none yet."""

    @property
    def signed(self) -> Config:
        """The configuration as the root has it."""
        return effective(self.working, self.trust.root)

    @property
    def roots_file(self) -> str:
        """Name of the file with the roots, from the top of the repository."""
        return ROOTS

    @property
    def known_folder(self) -> Path:
        """Folder with the roots that this person knows."""
        return self.store.known.folder

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Differences between the working files and the root."""
        root = self.trust.root
        if root is None:
            return ()
        files = texts(Surface(self.folder), self.working.work.flow)
        return tuple(changes(root, proposed_settings(self.working), files, self.system))

    def view(self) -> RootView:
        """Return what is shown of it."""
        newest, pending = self.trust.chain.newest, self.trust.chain.pending
        root = newest.root if newest else None
        judges = self.trust.chain.versions[-2].root if len(self.trust.chain.versions) > 1 else root
        return RootView(
            standing=self.trust.standing.value,
            fingerprint=self.trust.chain.fingerprint,
            version=root.version if root else 0,
            made_at=datetime.fromtimestamp(root.at if root else 0, UTC),
            signed_by=tuple(newest.signed_by(judges.managers)) if newest and judges else (),
            managers=tuple(_managers(root.settings["managers"])) if root else (),
            threshold=root.threshold if root else 0,
            workflow=str(root.settings["work.flow"]) if root else "",
            system=root.system if root else (),
            changes=tuple(RootChange(name=each.name, lines=each.lines) for each in self.changes),
            waiting=waiting(self.changes),
            more=root.threshold - len(pending.signed_by(root.managers)) if root and pending else 0,
            wrong=self.trust.wrong,
            fix=self.trust.fix or ("phasegate trust diff, then phasegate trust sign" if self.changes else ""),
        )

    @property
    def approvers_file(self) -> str:
        """Path of the package's list of approvers, from the top."""
        return f"src/{self.working.project.package}/approvers.json"

    def require_something(self) -> None:
        """Refuse where the root does not count, nothing waits, or what waits cannot be worked under.

        Raises:
            Refused: the first two.
            InvalidInput: the working files do not hold, or name gates that nobody could pass.
        """
        self.trust.require()
        if not self.changes:
            raise Refused("the working files say what the root says", reason="nothing_to_sign", fix="change them first")
        require_sound(self.folder, self.working)

    def sign(self, by: str, signer: Signer, now: datetime) -> Trust:
        """Sign what was shown as the next version."""
        system = self.system or system_key(self.state, in_use=locate(self.state).exists()).public
        signed = sign_next(self.store, proposed(self.folder, self.working, system), by, signer, now)
        list_approvers(self.folder / self.approvers_file, signed.chain)
        return signed

    def pin(self, fingerprint: str) -> Trust:
        """Know the root from now on."""
        return self.store.pin(fingerprint)


def open_desk(path: Path) -> TrustDesk:
    """Open the roots of the repository that the path is in, whatever is wrong with it otherwise.

    Raises:
        InvalidInput: it is no repository, or its phasegate.toml does not hold.
    """
    workspace = Workspace.open(path)
    key = workspace.state / "system.key"
    store = TrustStore(workspace.state, workspace.folder)
    return TrustDesk(
        folder=workspace.folder,
        state=workspace.state,
        store=store,
        trust=store.read(),
        working=read_config(workspace.folder),
        system=system_key(workspace.state, in_use=True).public if key.exists() else None,
    )


def desk_of(app: App) -> TrustDesk:
    """Return the roots of an opened repository, beside its working files as they are now."""
    return TrustDesk(
        folder=app.folder.path,
        state=app.state,
        store=app.trust,
        trust=app.trust.read(),
        working=read_config(app.folder.path),
        system=app.keeper.system.public,
    )


def trust_lines(app: App) -> list[str]:
    """Return what a face has to show of the root: what is wrong, and what waits for a signature."""
    trust = app.trust.read()
    unknown = trust.refusal()
    lines = [*([f"{unknown}; {unknown.fix}"] if trust.standing is Standing.unknown else []), *trust.wrong]
    try:
        said = waiting(desk_of(app).changes)
    except InvalidInput as error:  # of the working files: what counts does not come from them
        said = str(error)
    return [*lines, *([said] if said else [])]


def waiting(changes: tuple[Change, ...]) -> str:
    """Say which changes wait for a manager's signature, or nothing."""
    if not changes:
        return ""
    names = ", ".join(change.name for change in changes[:MOST_NAMED])
    more = f" and {len(changes) - MOST_NAMED} more" if len(changes) > MOST_NAMED else ""
    count = "1 change waits" if len(changes) == 1 else f"{len(changes)} changes wait"
    return f"{count} for a manager's signature, and until then without effect: {names}{more}"


def _managers(rows: list[dict[str, str]]) -> list[RootManager]:
    return [RootManager(name=row["name"], public_key=row["public_key"], card=row["card"]) for row in rows]
