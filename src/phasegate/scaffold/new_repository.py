"""Laying a new target repository, and writing its managers into it."""

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import tomlkit

from phasegate.app.config import NAME, Config, parse_config, read_config
from phasegate.core import Clock, InvalidInput
from phasegate.core.files import write_whole
from phasegate.ledger import PublicKey
from phasegate.runbooks.compiler.codegen import runtime_files
from phasegate.runbooks.compiler.test_generator import support_files
from phasegate.runbooks.prices import price_table
from phasegate.scaffold import Approver, Aws, approvers, next_folder, package_name, scaffold, starter_spec
from phasegate.scaffold.target import PACKAGE_SPEC, RUNBOOK_SPEC, intent_spec, name_of, scaffold_package
from phasegate.team import eject as eject_team
from phasegate.team import load_team
from phasegate.workspace import Signature, Workspace

PHASEGATE = Signature("phasegate", "phasegate@phasegate.invalid")


@dataclass(frozen=True, kw_only=True)
class NewRepository:
    """Settings of a new repository."""

    project: str
    package: str = ""
    """Empty: the project's name with underscores."""
    spec: str = ""
    """A spec to lay in: one of ours by its folder's name, or a new name for one to fill in; empty: none."""
    eject: bool = False
    """Whether the team's cards, prompts and workflows are laid in, to be changed."""
    managers: tuple[Approver, ...] = ()
    aws: Aws | None = None
    demo: bool = False
    deliverable: str = RUNBOOK_SPEC
    """Kind of the specs that the repository is for."""
    sentence: str = ""
    """A wish in place of a written spec, under the name in `spec`; empty: there is none."""
    recording: tuple[str, bytes] | None = None
    """Path and content of the recording that every role answers from; None: the compiler works."""


def create_repository(folder: Path, plan: NewRepository, clock: Clock) -> list[str]:
    """Makes the repository, with a first commit.

    Returns:
        The folders of the specs that it begins with.

    Raises:
        InvalidInput: there is something in that folder already.
        UsageError: a name cannot be one.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InvalidInput(
            f"'{folder}' is not empty",
            fix="name a folder that is not there yet, or add a spec to this repository: 'phasegate spec new NAME'",
        )
    made = _files(plan)
    made |= _ejected() if plan.eject else {}
    made |= dict([plan.recording]) if plan.recording else {}
    # Last, since its number is the next free one among the specs that are laid in already.
    made |= _first_spec(plan, made, clock) if plan.spec else {}
    folder.mkdir(parents=True, exist_ok=True)
    try:
        Workspace.create(folder, made, author=PHASEGATE, when=clock.now(), message="A package to be")
    except BaseException:
        _clear(folder)  # half a repository would refuse the next try
        raise
    return sorted({path.rpartition("/")[0] for path in made if path.startswith("specs/") and path.endswith("/spec.md")})


def _files(plan: NewRepository) -> dict[str, bytes]:
    if plan.deliverable == PACKAGE_SPEC:
        return scaffold_package(plan.project, package=plan.package, managers=plan.managers)
    return scaffold(
        plan.project,
        package=plan.package,
        runtime=runtime_files(),
        prices=price_table(),
        support=support_files(plan.package or package_name(plan.project)),
        managers=plan.managers,
        aws=plan.aws,
        demo=plan.demo,
        recording=plan.recording[0] if plan.recording else "",
    )


def _deliverable(folder: Path) -> str:
    """Return the kind of specs that a repository's workflow is for."""
    name = read_config(folder).work.flow
    return load_team(folder, flow=name, parse_prompts=False).flow(name).deliverable


def _clear(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def new_spec(folder: Path, name: str, clock: Clock) -> dict[str, bytes]:
    """Add a spec to a repository, one of ours or a template to fill in, without a commit.

    Args:
        folder: the top of the repository.
        name: the folder's name of one of ours, with or without its number, or a new name.
        clock: tells the day that a template is dated.

    Returns:
        The files that were written, by path from the top.

    Raises:
        InvalidInput: the repository has a spec of that name.
        UsageError: the name is of another form.
    """
    there = {path.relative_to(folder).as_posix(): b"" for path in folder.glob("specs/*/*")}
    wanted = re.sub(r"^\d{3,}-", "", name)
    known = next((path for path in there if path.split("/")[1].partition("-")[2] == wanted), "")
    if known:
        raise InvalidInput(f"there is a spec '{known.rpartition('/')[0]}' already", fix="take another name, or edit it")
    written = _spec(name, there, clock, _deliverable(folder))
    try:
        for path, content in written.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    except BaseException:
        for made in {(folder / path).parent for path in written}:
            shutil.rmtree(made, ignore_errors=True)  # half a spec would refuse the next try
        raise
    return written


def new_intent(folder: Path, sentence: str, clock: Clock, *, name: str = "") -> str:
    """Add a spec that is a sentence so far, without a commit.

    Args:
        folder: the top of the repository.
        sentence: what somebody wants, in their own words.
        clock: tells the day that it is dated.
        name: words in lower case, joined by hyphens; empty: they are taken from the sentence.

    Returns:
        The spec's folder, from the top of the repository.

    Raises:
        UsageError: the sentence or the name is none.
    """
    there = {path.relative_to(folder).as_posix(): b"" for path in folder.glob("specs/*/*")}
    place = next_folder(name or name_of(sentence), there)
    (folder / place).mkdir(parents=True)
    today, deliverable = clock.now().date().isoformat(), _deliverable(folder)
    written = intent_spec(place, sentence, today=today, deliverable=deliverable)
    (folder / place / "spec.md").write_bytes(written)
    return place


def laid_in(name: str, specs: Sequence[str]) -> str:
    """Return the added folder of the spec that was asked for, by its name with or without the number.

    >>> laid_in("idle", ["specs/001-idle", "specs/002-not-idle"])
    'specs/001-idle'
    """
    names = {folder: folder.rpartition("/")[2] for folder in specs}
    return next(folder for folder, own in names.items() if name in (own, own.partition("-")[2]))


def shipped_specs() -> list[str]:
    """Folder names of the specs that come with Phasegate."""
    return sorted(entry.name for entry in files("phasegate.team.specs").iterdir() if entry.name[:3].isdigit())


def _first_spec(plan: NewRepository, there: Mapping[str, bytes], clock: Clock) -> dict[str, bytes]:
    if not plan.sentence:
        return _spec(plan.spec, there, clock, plan.deliverable)
    folder = next_folder(plan.spec, there)
    return {f"{folder}/spec.md": intent_spec(folder, plan.sentence, today=clock.now().date().isoformat())}


def _spec(name: str, there: Mapping[str, bytes], clock: Clock, deliverable: str) -> dict[str, bytes]:
    ours = next((folder for folder in shipped_specs() if name in (folder, folder.partition("-")[2])), "")
    if not ours or deliverable == PACKAGE_SPEC:
        today = clock.now().date().isoformat()
        return starter_spec(next_folder(name, there), today=today, deliverable=deliverable)
    taken = any(path.startswith(f"specs/{ours.partition('-')[0]}-") for path in there)
    folder = next_folder(ours.partition("-")[2], there) if taken else f"specs/{ours}"
    source = files("phasegate.team.specs").joinpath(ours)
    number = folder.rpartition("/")[2].encode()
    return {
        # The spec names its own folder as its branch, and may get another number here.
        f"{folder}/{file.name}": file.read_bytes().replace(ours.encode(), number)
        for file in source.iterdir()
        if file.is_file()
    }


def _ejected() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as place:
        top = Path(place)
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in eject_team(top)}


def add_manager(folder: Path, name: str, key: PublicKey) -> list[str]:
    """Add a manager to `phasegate.toml` and to the package's approvers, without a commit.

    Returns:
        The files that were changed, from the top of the repository.

    Raises:
        InvalidInput: a manager of that name is listed with another key.
    """
    config = read_config(folder)
    known = {row.name: row.public_key for row in config.managers}
    if known.get(name, str(key)) != str(key):
        raise InvalidInput(
            f"'{name}' is listed in {NAME} with another key", fix="take another --name, or remove that table first"
        )
    if name in known:
        return []
    document = tomlkit.parse((folder / NAME).read_text(encoding="utf-8"))
    row = tomlkit.table()
    row.update({"name": name, "public_key": str(key)})
    document.setdefault("managers", tomlkit.aot()).append(row)
    text = tomlkit.dumps(document)
    parse_config(text, folder / NAME)  # so that a name that is refused leaves the file as it was
    write_whole(folder / NAME, text.encode())
    # Only runbooks are applied by an approval: another package has no list of approvers.
    listed = approvers_path(read_config(folder))
    return [NAME, *([_list_approvers(folder, read_config(folder))] if (folder / listed).exists() else [])]


def approvers_path(config: Config) -> str:
    """Return the path of the file that lists a package's approvers, from the top of the repository."""
    return f"src/{config.project.package}/approvers.json"


def _list_approvers(folder: Path, config: Config) -> str:
    path = approvers_path(config)
    listed = [Approver(name=row.name, public_key=row.public_key, card=row.card) for row in config.managers]
    write_whole(folder / path, approvers(listed))
    return path
