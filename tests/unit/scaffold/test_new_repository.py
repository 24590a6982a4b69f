"""Laying a target repository, and its managers."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pygit2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.app import read_config
from phasegate.core import FixedClock, InvalidInput
from phasegate.ledger import PrivateKey
from phasegate.reports import not_committed
from phasegate.scaffold import PACKAGE_SPEC
from phasegate.scaffold.new_repository import (
    NewRepository,
    add_manager,
    create_repository,
    laid_in,
    new_intent,
    new_spec,
    shipped_specs,
)
from phasegate.workspace import Workspace

CLOCK = FixedClock(datetime(2026, 11, 18, 20, 10, tzinfo=UTC))


def key() -> PrivateKey:
    return PrivateKey(Ed25519PrivateKey.generate())


def test_a_shipped_spec_is_laid_in_by_its_name(tmp_path: Path) -> None:
    specs = create_repository(tmp_path / "acme", NewRepository(project="acme", spec="unattached-ebs-volumes"), CLOCK)
    assert specs == ["specs/001-unattached-ebs-volumes"]
    assert (tmp_path / "acme" / specs[0] / "runbook.yaml").is_file()
    assert "001-unattached-ebs-volumes" in shipped_specs()


def test_a_repository_that_cannot_be_laid_leaves_nothing_and_can_be_laid_again(tmp_path: Path) -> None:
    with _full_disk(), pytest.raises(pygit2.GitError):
        create_repository(tmp_path / "acme", NewRepository(project="acme"), CLOCK)
    assert list((tmp_path / "acme").iterdir()) == []
    create_repository(tmp_path / "acme", NewRepository(project="acme"), CLOCK)


def test_a_spec_that_cannot_be_written_leaves_nothing_and_can_be_added_again(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    create_repository(folder, NewRepository(project="acme"), CLOCK)
    with _full_disk(), pytest.raises(OSError, match="too large"):
        new_spec(folder, "idle-queues", CLOCK)
    assert [path.name for path in (folder / "specs").iterdir()] == ["README.md"]
    assert "specs/001-idle-queues/spec.md" in new_spec(folder, "idle-queues", CLOCK)


@contextmanager
def _full_disk() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # as on a full disk, each longer file fails half way
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_another_name_is_a_spec_to_fill_in(tmp_path: Path) -> None:
    assert create_repository(tmp_path / "acme", NewRepository(project="acme", spec="idle-queues"), CLOCK) == [
        "specs/001-idle-queues"
    ]


def test_an_ejected_team_is_in_the_first_commit(tmp_path: Path) -> None:
    create_repository(tmp_path / "acme", NewRepository(project="acme", eject=True), CLOCK)
    workspace = Workspace.open(tmp_path / "acme")
    assert "graphs/sdlc.yaml" in workspace.tree(workspace.head())


@pytest.mark.parametrize("name", ["service-idle", "003-service-idle", "idle-queues"])
def test_beside_an_ejected_team_the_spec_that_was_asked_for_is_named(tmp_path: Path, name: str) -> None:
    specs = create_repository(tmp_path / "acme", NewRepository(project="acme", spec=name, eject=True), CLOCK)
    assert len(specs) > 1
    assert laid_in(name, specs).endswith(name)
    assert (tmp_path / "acme" / laid_in(name, specs) / "spec.md").is_file()


def test_managers_that_no_commit_lists_are_told_until_one_does(tmp_path: Path) -> None:
    create_repository(tmp_path / "acme", NewRepository(project="acme"), CLOCK)
    folder = tmp_path / "acme"
    workspace = Workspace.open(folder)
    assert not_committed(workspace, read_config(folder)) == []
    written = add_manager(folder, "ada", key().public)
    assert not_committed(workspace, read_config(folder)) == written
    files = {path: (folder / path).read_bytes() for path in written}
    user = workspace.user
    commit = workspace.commit([workspace.head()], files, author=user, when=CLOCK.now(), message="Managers")
    workspace.point("main", commit)
    assert not_committed(workspace, read_config(folder)) == []


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="not empty"):
        create_repository(tmp_path, NewRepository(project="acme"), CLOCK)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.txt"]


def test_managers_are_added_to_what_stands_there(tmp_path: Path) -> None:
    create_repository(tmp_path / "acme", NewRepository(project="acme"), CLOCK)
    folder, ada, bo = tmp_path / "acme", key(), key()
    before = (folder / "phasegate.toml").read_text()
    assert add_manager(folder, "ada", ada.public) == ["phasegate.toml", "src/acme/approvers.json"]
    add_manager(folder, "bo", bo.public)
    assert (folder / "phasegate.toml").read_text().startswith(before.rstrip())
    assert {row.name: row.public_key for row in read_config(folder).managers} == {
        "ada": str(ada.public),
        "bo": str(bo.public),
    }
    listed = json.loads((folder / "src/acme/approvers.json").read_text())["approvers"]
    assert [row["name"] for row in listed] == ["ada", "bo"]


def test_a_manager_is_not_replaced_by_another_key(tmp_path: Path) -> None:
    create_repository(tmp_path / "acme", NewRepository(project="acme"), CLOCK)
    ada = key()
    add_manager(tmp_path / "acme", "ada", ada.public)
    assert add_manager(tmp_path / "acme", "ada", ada.public) == []
    with pytest.raises(InvalidInput, match="another key"):
        add_manager(tmp_path / "acme", "ada", key().public)


def test_a_repository_for_a_package_holds_nothing_of_runbooks(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    create_repository(folder, NewRepository(project="acme-amounts", deliverable=PACKAGE_SPEC), CLOCK)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if ".git/" not in path.as_posix()}
    assert {"src/acme_amounts/__init__.py", "src/acme_amounts/py.typed", "phasegate.toml", "pyproject.toml"} <= files
    assert [path for path in files if "runbooks" in path or "_runtime" in path or "prices" in path] == []
    assert read_config(folder).work.flow == "package"
    assert add_manager(folder, "ada", key().public) == ["phasegate.toml"]
    assert list(new_spec(folder, "parse-amounts", CLOCK)) == ["specs/001-parse-amounts/spec.md"]
    intent = folder / new_intent(folder, "amounts that can be split", CLOCK) / "spec.md"
    assert "**Deliverable**: package spec" in intent.read_text()
