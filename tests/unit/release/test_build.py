import io
import os
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest

from phasegate.core import InvalidInput, PhasegateError
from phasegate.release import Built, build, check_backend
from phasegate.release.archives import write_zip
from phasegate.sandbox import Limit, Outcome, Sandbox, ScriptedSandbox
from unit.release.acme import edited, tree

_BACKEND = 'build-backend = "setuptools.build_meta"'


@pytest.fixture
def other_umask() -> Iterator[None]:
    before = os.umask(0o002)
    yield
    os.umask(before)


@pytest.mark.usefixtures("other_umask")
async def test_same_tree_gives_same_bytes_at_another_time_in_another_place(
    built: Built, sandbox: Sandbox, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each build has a directory and a start of its own; what the caller's process says must not matter either.
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    backwards = dict(reversed(tree().items()))

    again = await build(backwards, at=at, sandbox=sandbox)

    assert again.files == built.files


def test_archives_say_nothing_of_the_machine(built: Built, at: datetime) -> None:
    epoch = int(at.timestamp())
    with tarfile.open(fileobj=io.BytesIO(built.sdist)) as sdist:
        members = sdist.getmembers()
    with zipfile.ZipFile(io.BytesIO(built.wheel)) as wheel:
        entries = wheel.infolist()

    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(epoch, 0, 0, "", "", 0o644)}
    assert {(e.date_time, e.external_attr >> 16) for e in entries} == {((2026, 11, 3, 12, 0, 0), 0o100644)}
    assert [m.name for m in members] == sorted(m.name for m in members)
    assert [e.filename for e in entries] == sorted(e.filename for e in entries)
    assert int.from_bytes(built.sdist[4:8], "little") == epoch


def test_the_package_is_whole(built: Built) -> None:
    with zipfile.ZipFile(io.BytesIO(built.wheel)) as wheel:
        names = wheel.namelist()

    assert "acme_runbooks/prices.json" in names
    assert "acme_runbooks/runbooks/unattached_ebs_volumes.iam-policy.json" in names
    assert sorted(built.files) == ["acme_runbooks-0.1.0-py3-none-any.whl", "acme_runbooks-0.1.0.tar.gz"]


@pytest.mark.parametrize(
    ("hostile", "rule"),
    [
        (tree({"setup.py": "import os"}), "script"),
        (tree({"setup.cfg": "[global]\ncommand_packages = evil\n"}), "script"),
        (edited("pyproject.toml", _BACKEND, 'build-backend = "evil"'), "backend"),
        (edited("pyproject.toml", _BACKEND, 'build-backend = "setuptools.build_meta:__legacy__"'), "backend"),
        (edited("pyproject.toml", _BACKEND, ""), "backend"),
        (edited("pyproject.toml", _BACKEND, f'{_BACKEND}\nbackend-path = ["."]'), "backend-path"),
        (edited("pyproject.toml", '"setuptools>=77"', '"setuptools>=77", "evil"'), "build-requirement"),
        (
            edited("pyproject.toml", '"setuptools>=77"', '"setuptools @ https://evil.example/x.whl"'),
            "build-requirement",
        ),
        (edited("pyproject.toml", "[tool.setuptools.package-data]", "[tool.setuptools.cmdclass]"), "setting"),
        (edited("pyproject.toml", "[tool.setuptools.package-data]", "[tool.setuptools.data-files]"), "setting"),
        (edited("pyproject.toml", 'version = "0.1.0"', 'version = "0.1.0"\ndynamic = ["readme"]'), "dynamic"),
        (edited("pyproject.toml", "[project.urls]", "[tool.distutils.build]\nx = 1\n[project.urls]"), "commands"),
        (tree({"src/acme_runbooks.egg-info/entry_points.txt": "[distutils.commands]\nsdist = evil:x\n"}), "metadata"),
        (tree({"evil-1.dist-info/entry_points.txt": ""}), "metadata"),
    ],
)
async def test_a_build_that_could_run_code_is_refused_unbuilt(
    hostile: Mapping[str, bytes], rule: str, at: datetime
) -> None:
    never = ScriptedSandbox([])

    with pytest.raises(InvalidInput) as refused:
        await build(hostile, at=at, sandbox=never)

    assert rule in {finding.rule for finding in refused.value.findings}
    assert all(finding.blocking and finding.fix for finding in refused.value.findings)


async def test_a_module_named_like_the_backend_does_not_take_its_place(
    built: Built, sandbox: Sandbox, at: datetime
) -> None:
    shadow = {name: "raise SystemExit('run')" for name in ("setuptools/__init__.py", "zipfile.py", "sitecustomize.py")}

    again = await build(tree(shadow), at=at, sandbox=sandbox)

    assert again.wheel == built.wheel


def test_a_plain_package_passes() -> None:
    assert check_backend(tree()) == []
    assert [finding.rule for finding in check_backend({})] == ["project"]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome(exit_code=1, stdout=b"", stderr=b"error: no such package", seconds=0.1), "no such package"),
        (Outcome(exit_code=137, stdout=b"", stderr=b"", seconds=60, limit=Limit.wall_time), "wall-time"),
        (
            Outcome(exit_code=0, stdout=b"", stderr=b"", seconds=1, refused={"made/wheel": "not a plain file"}),
            "not a plain file",
        ),
    ],
)
async def test_a_failed_build_says_why(outcome: Outcome, said: str, at: datetime) -> None:
    with pytest.raises(PhasegateError, match=said):
        await build(tree(), at=at, sandbox=ScriptedSandbox([outcome]))


def test_zip_knows_no_time_before_1980() -> None:
    assert write_zip({"a": b""}, datetime(1970, 1, 1, tzinfo=UTC)) == write_zip(
        {"a": b""}, datetime(1980, 1, 1, tzinfo=UTC)
    )
