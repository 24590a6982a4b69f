"""A backup and what it takes to put it back."""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from phasegate.app import open_app
from phasegate.backup.archive import Backup, back_up
from phasegate.backup.restore import restore
from phasegate.core import Exhausted, InvalidInput
from phasegate.ledger import Claim, PrivateKey, write_key
from unit.authors.sample_spec import FOLDER, sample_repository

NAME = "b.tar.gz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sample_repository(tmp_path / "target")


def state(folder: Path) -> Path:
    return folder / ".git" / "phasegate"


async def begin(folder: Path) -> None:
    async with open_app(folder) as app:
        await app.start(folder / FOLDER)


async def save(folder: Path) -> Backup:
    write_key(folder.parent / "ada.key", PrivateKey.generate().sealed("correct horse"))
    async with open_app(folder) as app:
        (app.folder.index / "acme").mkdir(parents=True, exist_ok=True)
        (app.folder.index / "acme" / "a.whl").write_bytes(b"wheel")
        made = back_up(app, folder.parent / NAME, [folder.parent / "ada.key", folder.parent / "none.key"])
    (folder.parent / "ada.key").unlink()
    return made


async def put_back(folder: Path, *, replace: bool = False) -> list[Claim]:
    return await restore(folder, folder.parent / NAME, folder.parent / "home", replace=replace)


async def runs(folder: Path) -> int:
    async with open_app(folder) as app:
        return len(await app.ledger.runs())


async def test_what_was_lost_comes_back_and_is_proved(folder: Path) -> None:
    await begin(folder)
    made = await save(folder)
    assert (made.runs, made.file.stat().st_mode & 0o077) == (1, 0)
    shutil.rmtree(state(folder))
    with pytest.raises(Exhausted):
        await runs(folder)
    claims = await put_back(folder)
    assert len(claims) == 5
    assert all(claim.holds for claim in claims), claims
    assert await runs(folder) == 1
    assert (state(folder) / "index" / "acme" / "a.whl").read_bytes() == b"wheel"
    assert (folder.parent / "home" / "ada.key").stat().st_mode & 0o077 == 0
    assert sorted(os.listdir(state(folder))) == ["index", "phasegate.db", "system.key"]


async def test_its_commits_and_branches_come_back(folder: Path) -> None:
    await begin(folder)
    async with open_app(folder) as app:
        commit = app.workspace.commit([], {"a": b"a"}, author=app.workspace.user, when=app.clock.now(), message="a")
        app.workspace.point("phasegate/r1", commit)
    await save(folder)
    git(folder, "branch", "-D", "phasegate/r1")
    shutil.rmtree(folder / ".git" / "refs" / "phasegate")
    git(folder, "gc", "--prune=now")
    shutil.rmtree(state(folder))
    await put_back(folder)
    async with open_app(folder) as app:
        assert app.workspace.tip("phasegate/r1") == commit
        assert dict(app.workspace.tree(commit)) == {"a": b"a"}
        assert [name.split("/")[2] for name in app.workspace.refs()].count("intake") == 1


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


async def test_a_record_that_is_there_is_put_aside_only_when_told(folder: Path) -> None:
    await begin(folder)
    await save(folder)
    await begin(folder)
    (state(folder) / "index" / "acme" / "b.whl").write_bytes(b"published since")
    with pytest.raises(InvalidInput, match="record already") as refused:
        await put_back(folder)
    assert "--replace" in refused.value.fix
    assert await runs(folder) == 2
    assert all(claim.holds for claim in await put_back(folder, replace=True))
    assert await runs(folder) == 1
    assert sorted(os.listdir(state(folder) / "index" / "acme")) == ["a.whl", "b.whl"]
    with closing(sqlite3.connect(folder / ".git" / "phasegate.aside-1" / "phasegate.db")) as aside:
        assert aside.execute("select count(*) from runs").fetchone() == (2,)


Change = Callable[[dict[str, bytes]], None]


def cut_short(members: dict[str, bytes]) -> None:
    members["phasegate.db"] = members["phasegate.db"][:-4096]


def without_key(members: dict[str, bytes]) -> None:
    del members["system.key"]


def another_key(members: dict[str, bytes]) -> None:
    members["system.key"] = PrivateKey.generate().sealed(None)
    signed_anew(members)


def without_a_run(members: dict[str, bytes]) -> None:
    altered(members, "delete from events")


def other_words(members: dict[str, bytes]) -> None:
    altered(members, "update events set body = replace(body, 'specs', 'spccs')")


def a_newer_one(members: dict[str, bytes]) -> None:
    members["manifest.json"] = json.dumps({**json.loads(members["manifest.json"]), "schema": "9999"}).encode()


def no_manifest(members: dict[str, bytes]) -> None:
    del members["manifest.json"]


def out_of_the_folder(members: dict[str, bytes]) -> None:
    members["../../outside"] = b"outside"


def altered(members: dict[str, bytes], sql: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(members["phasegate.db"])
        connection.execute(sql)
        connection.commit()
        members["phasegate.db"] = connection.serialize()
    signed_anew(members)


def signed_anew(members: dict[str, bytes]) -> None:
    """The digests are no proof: whoever changes a file can write them anew."""
    about = json.loads(members["manifest.json"])
    about["files"] = {name: hashlib.sha256(members[name]).hexdigest() for name in about["files"]}
    members["manifest.json"] = json.dumps(about).encode()


@pytest.mark.parametrize(
    "change",
    [cut_short, without_key, another_key, without_a_run, other_words, a_newer_one, no_manifest, out_of_the_folder],
)
async def test_a_backup_that_does_not_hold_changes_nothing(folder: Path, change: Change) -> None:
    await begin(folder)
    await save(folder)
    members = read(folder.parent / NAME)
    change(members)
    write(folder.parent / NAME, members)
    before = (state(folder) / "system.key").read_bytes()
    with pytest.raises(InvalidInput, match="backup") as refused:
        await put_back(folder, replace=True)
    assert refused.value.fix
    assert (await runs(folder), (state(folder) / "system.key").read_bytes()) == (1, before)
    assert "outside" not in {file for _, _, files in os.walk(folder.parent) for file in files}


async def test_something_else_is_no_backup(folder: Path) -> None:
    (folder.parent / NAME).write_bytes(b"something else")
    with pytest.raises(InvalidInput, match="no backup"):
        await put_back(folder)


def read(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        return {m.name: content.read() for m in archive if (content := archive.extractfile(m))}


def write(file: Path, members: Mapping[str, bytes]) -> None:
    with tarfile.open(file, "w:gz") as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
