import io
import stat
import zipfile
from collections.abc import Callable, Mapping
from datetime import datetime

import pytest

from phasegate.release import Built, verify_wheel
from phasegate.release.archives import write_zip
from phasegate.release.build import normal_wheel
from unit.release.acme import edited, tree

_INFO = "acme_runbooks-0.1.0.dist-info"
_CLI = "acme_runbooks/cli.py"


def _files(wheel: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def _with(wheel: bytes, changes: Mapping[str, bytes | None], at: datetime) -> bytes:
    """The wheel with other files, and with a RECORD and an archive that are right for them, as an attacker would."""
    files = {name: content for name, content in {**_files(wheel), **changes}.items() if content is not None}
    return normal_wheel(write_zip(files, at), at)


def _rules(wheel: bytes, approved: Mapping[str, bytes] | None = None) -> set[str]:
    findings = verify_wheel(wheel, approved or tree())
    assert all(finding.fix and finding.check == "wheel" for finding in findings)
    assert not findings or findings[0].blocking
    return {finding.rule for finding in findings}


def test_the_wheel_of_an_approved_tree_passes(built: Built) -> None:
    assert verify_wheel(built.wheel, tree()) == []


@pytest.mark.parametrize(
    ("name", "content", "rules"),
    [
        ("acme_runbooks/extra.py", b"x = 1\n", {"unapproved-file"}),
        (_CLI, b"import os\n", {"changed-file"}),
        (_CLI, None, {"missing-file"}),
        ("zz_start.pth", b"import os\n", {"start-up", "unapproved-file", "packages"}),
        ("acme_runbooks/start.pth", b"import os\n", {"start-up", "unapproved-file"}),
        ("acme_runbooks/fast.so", b"\x7fELF", {"compiled", "unapproved-file"}),
        ("acme_runbooks/cli.cpython-311.pyc", b"", {"compiled", "unapproved-file"}),
        ("jmespath/__init__.py", b"", {"packages", "unapproved-file"}),
        ("sitecustomize.py", b"", {"outside", "packages", "unapproved-file"}),
        ("acme_runbooks-0.1.0.data/scripts/aws", b"#!/bin/sh\n", {"outside", "packages", "unapproved-file"}),
        ("other-1.dist-info/METADATA", b"", {"packages", "unapproved-file"}),
        (f"{_INFO}/direct_url.json", b"{}", {"unapproved-file"}),
        (f"{_INFO}/licenses/OTHER", b"x", {"unapproved-file"}),
        (f"{_INFO}/licenses/LICENSE", b"mine now", {"unapproved-file"}),
        (f"{_INFO}/entry_points.txt", None, {"missing-file"}),
        (f"{_INFO}/entry_points.txt", b"[console_scripts]\nacme-runbooks = os:system\n", {"metadata"}),
        (f"{_INFO}/entry_points.txt", b"[console_scripts]\naws = acme_runbooks.cli:main\n", {"metadata"}),
        (f"{_INFO}/entry_points.txt", b"nonsense", {"metadata"}),
        (f"{_INFO}/top_level.txt", b"acme_runbooks\nos\n", {"metadata"}),
        (f"{_INFO}/WHEEL", b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n", {"metadata"}),
    ],
)
def test_whatever_the_tree_does_not_give_rise_to_is_found(
    built: Built, at: datetime, name: str, content: bytes | None, rules: set[str]
) -> None:
    assert _rules(_with(built.wheel, {name: content}, at)) >= rules


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Name: acme-runbooks", b"Name: boto3"),
        (b"Version: 0.1.0", b"Version: 9.9.9"),
        (b"Summary: Runbooks of Acme", b"Summary: Other"),
        (b"Requires-Dist: boto3<2,>=1.40", b"Requires-Dist: boto4<2,>=1.40"),
        (b"Requires-Dist: boto3<2,>=1.40", b"Requires-Dist: boto3<2,>=1.40\nRequires-Dist: evil"),
        (b"Requires-Dist: boto3<2,>=1.40\n", b""),
        (b"Requires-Python: >=3.11", b"Requires-Python: >=3.5"),
        (b"License-Expression: Apache-2.0", b"License-Expression: MIT"),
        (b"Keywords: aws,finops", b"Keywords: aws"),
        (b"https://acme.example", b"https://evil.example"),
        (b"Author: Ada", b"Author: Eve"),
        (b"ops@acme.example", b"ops@evil.example"),
        (b"# Acme runbooks", b"# Other runbooks"),
        (b"Name: acme-runbooks", b"Name: acme-runbooks\nObsoletes-Dist: boto3"),
        (b"Name: acme-runbooks", b"Name: acme-runbooks\nSecret-Field: x"),
        (b"Name: acme-runbooks", b"Name: acme-runbooks\nName: other"),
    ],
)
def test_metadata_says_what_pyproject_says(built: Built, at: datetime, old: bytes, new: bytes) -> None:
    path = f"{_INFO}/METADATA"
    metadata = _files(built.wheel)[path]
    assert old in metadata

    assert _rules(_with(built.wheel, {path: metadata.replace(old, new)}, at)) == {"metadata"}


def test_another_version_approved_than_built(built: Built) -> None:
    assert "unapproved-file" in _rules(built.wheel, edited("pyproject.toml", '"0.1.0"', '"0.2.0"'))


def test_optional_dependencies_are_derived_too(built: Built, at: datetime) -> None:
    approved = edited(
        "pyproject.toml", "[project.urls]", '[project.optional-dependencies]\nfast = ["botocore<2"]\n[project.urls]'
    )
    path = f"{_INFO}/METADATA"
    line = b'Provides-Extra: fast\nRequires-Dist: botocore<2; extra == "fast"\nDynamic: license-file'
    metadata = _files(built.wheel)[path].replace(b"Dynamic: license-file", line)

    assert _rules(built.wheel, approved) == {"metadata"}
    assert _rules(_with(built.wheel, {path: metadata}, at), approved) == set()


def test_a_data_file_left_out_is_told_without_blocking(built: Built) -> None:
    (finding,) = verify_wheel(built.wheel, tree({"src/acme_runbooks/notes.txt": "x"}))

    assert (finding.rule, finding.path, finding.blocking) == ("missing-file", "acme_runbooks/notes.txt", False)


def _record(change: Callable[[bytes], bytes]) -> Callable[[bytes, datetime], bytes]:
    def make(wheel: bytes, at: datetime) -> bytes:
        files = _files(wheel)
        return write_zip({**files, f"{_INFO}/RECORD": change(files[f"{_INFO}/RECORD"])}, at)

    return make


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.replace(b"sha256=", b"md5=", 1),
        lambda record: record.replace(b"sha256=", b"sha256=A", 1),
        lambda record: b"\n".join(record.split(b"\n")[1:]),  # a file left out
        lambda record: record + b"acme_runbooks/ghost.py,,\n",
        lambda record: record + record,
        lambda _: b"",
        lambda _: b"\xff",
    ],
)
def test_record_tells_of_every_file_once(built: Built, at: datetime, change: Callable[[bytes], bytes]) -> None:
    wheel = _record(change)(built.wheel, at)

    assert _rules(wheel) == {"record"}


def _appended(wheel: bytes, name: str, content: bytes = b"", mode: int = stat.S_IFREG | 0o644) -> bytes:
    buffer = io.BytesIO(wheel)
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(entry, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "mode", "rule"),
    [
        ("../../outside.py", stat.S_IFREG, "traversal"),
        ("/etc/cron.d/evil", stat.S_IFREG, "traversal"),
        ("acme_runbooks/../../x.py", stat.S_IFREG, "traversal"),
        ("acme_runbooks//x.py", stat.S_IFREG, "traversal"),
        ("acme_runbooks\\..\\x.py", stat.S_IFREG, "traversal"),
        ("C:/x.py", stat.S_IFREG, "traversal"),
        ("acme_runbooks/link.py", stat.S_IFLNK, "link"),
        ("acme_runbooks/pipe", stat.S_IFIFO, "link"),
        ("acme_runbooks/folder/", stat.S_IFDIR, "link"),
        ("acme_runbooks/CLI.py", stat.S_IFREG, "duplicate"),  # one file, on a disk that ignores case
    ],
)
def test_names_that_land_elsewhere(built: Built, name: str, mode: int, rule: str) -> None:
    assert rule in _rules(_appended(built.wheel, name, b"/etc/passwd", mode | 0o644))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_entries(built: Built) -> None:
    # Readers differ in which of the two they take.
    assert "duplicate" in _rules(_appended(built.wheel, _CLI, b"import os\n"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda wheel: b"#!/bin/sh\n" + wheel,  # something before the archive
        lambda wheel: wheel + b"x",  # and behind
        lambda wheel: wheel[:-30],
        lambda wheel: wheel.replace(b"Runbooks of Acme", b"Runbooks of Evil"),  # a checksum that does not hold
        lambda _: b"",
        lambda _: b"PK\x05\x06" + bytes(18),
    ],
)
def test_archives_that_are_more_or_less_than_a_wheel(built: Built, spoil: Callable[[bytes], bytes]) -> None:
    assert _rules(spoil(built.wheel)) & {"archive", "packages"}


def test_a_bomb_is_not_unpacked() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("acme_runbooks/big.txt", bytes(65 * 1024 * 1024))

    assert _rules(buffer.getvalue()) == {"size"}


def test_no_byte_can_be_changed_unseen(built: Built) -> None:
    # Every 37th byte keeps it short, and meets headers, names, contents and the directory alike.
    for place in range(0, len(built.wheel), 37):
        changed = bytearray(built.wheel)
        changed[place] ^= 0x21
        assert verify_wheel(bytes(changed), tree()), f"byte {place}"
