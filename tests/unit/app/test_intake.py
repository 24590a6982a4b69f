"""What of a spec's folder a run takes in, and what it leaves where it is."""

from pathlib import Path

import pygit2
import pytest

from phasegate.app import open_app
from phasegate.core import InvalidInput
from unit.authors.sample_spec import FOLDER, sample_repository

SECRET = "xoxb-" + "1234567890-abcdefgh"


def written(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / FOLDER / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("AWS_SECRET_ACCESS_KEY=x")
    return folder


async def test_what_git_ignores_and_files_of_secrets_are_left_out_and_named(tmp_path: Path) -> None:
    folder = sample_repository(tmp_path / "target")
    (folder / ".gitignore").write_text("*.local\n/specs/*/scratch/\n")
    (folder / ".git" / "info" / "exclude").write_text("private.md\n")
    (folder / FOLDER / ".gitignore").parent.mkdir(exist_ok=True)
    secrets = (".env", ".env.prod", "deploy.PEM", "keys/id_rsa", ".npmrc", "credentials.json")
    ignored = ("a.local", "scratch/x.md", "private.md")
    written(folder, *secrets, *ignored, ".env.example", "kept.md")
    async with open_app(folder) as app:
        taken = {path.removeprefix(f"{FOLDER}/") for path in app.folder.read(FOLDER)}
        left = app.folder.left_out(FOLDER)
        run = await app.start(folder / FOLDER)
        commit = app.folder.intake(await app.folder.facts(run.id), 1)
        tree = set(app.workspace.tree(commit))
    assert {".env.example", "kept.md", "spec.md"} <= taken
    assert not taken & {*secrets, *ignored}
    assert not {f"{FOLDER}/{name}" for name in (*secrets, *ignored)} & tree
    assert {path.removeprefix(f"{FOLDER}/") for path in left} == {*secrets, *ignored}
    assert left[f"{FOLDER}/a.local"] == "Git ignores it"
    assert left[f"{FOLDER}/.env"] == "files of this name hold secrets"


async def test_a_file_that_is_tracked_is_taken_in_whatever_git_would_ignore(tmp_path: Path) -> None:
    folder = sample_repository(tmp_path / "target")
    (folder / ".gitignore").write_text("*.md\n")
    async with open_app(folder) as app:
        with pytest.raises(InvalidInput, match=r"spec\.md' is left out: Git ignores it"):
            app.folder.locate(folder / FOLDER)
    index = pygit2.Repository(str(folder)).index
    index.add(f"{FOLDER}/spec.md")
    index.write()
    async with open_app(folder) as app:
        assert f"{FOLDER}/spec.md" in app.folder.read(FOLDER)


async def test_a_spec_with_a_secret_is_refused_before_anything_of_it_is_committed(tmp_path: Path) -> None:
    folder = sample_repository(tmp_path / "target")
    async with open_app(folder) as app:
        run = await app.start(folder / FOLDER)
        (folder / FOLDER / "notes.md").write_text(f"fine\n{SECRET}\n")  # after it was judged, before it is taken in
        with pytest.raises(InvalidInput, match=r"notes\.md:2 looks like a secret") as refused:
            app.folder.intake(await app.folder.facts(run.id), 1)
        assert app.workspace.marked(f"intake/{run.id}/1") is None
        assert SECRET not in str(refused.value) + str(refused.value.findings)
        with pytest.raises(InvalidInput, match="must be mended first"):
            await app.start(folder / FOLDER)
