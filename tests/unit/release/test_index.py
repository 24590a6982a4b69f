import asyncio
import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from phasegate.core import Exhausted, InvalidInput, Refused
from phasegate.release import FolderIndex, Receipt

_WHEEL = "acme_runbooks-1.0.0-py3-none-any.whl"
_FILES = {_WHEEL: b"wheel", "acme_runbooks-1.0.0.tar.gz": b"sdist"}


def _all(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_publishing_twice_gives_the_same_receipt_and_changes_nothing(tmp_path: Path) -> None:
    index = FolderIndex(tmp_path / "index")
    assert await index.read("acme-runbooks", "1.0.0") is None

    first = await index.publish(_FILES)
    before = _all(tmp_path)

    assert await index.publish(_FILES) == first
    assert await index.read("Acme_Runbooks", "1.0.0") == first
    assert _all(tmp_path) == before
    assert [file.name for file in first.files] == sorted(_FILES)


@pytest.mark.parametrize(
    "other",
    [
        {_WHEEL: b"other"},
        {"acme_runbooks-1.0.0-1-py3-none-any.whl": b"wheel"},  # the same version under another name
        {"acme_runbooks-1.0.0.tar.gz": b"other", _WHEEL: b"wheel"},
    ],
)
async def test_other_bytes_for_a_version_are_refused(tmp_path: Path, other: dict[str, bytes]) -> None:
    index = FolderIndex(tmp_path)
    await index.publish(_FILES)
    before = _all(tmp_path)

    with pytest.raises(Refused) as refused:
        await index.publish(other)

    assert refused.value.reason == "index_conflict"
    assert _all(tmp_path) == before


async def test_a_release_cut_short_is_completed(tmp_path: Path) -> None:
    index = FolderIndex(tmp_path)
    await index.publish({_WHEEL: b"wheel"})
    halves = [tmp_path / "acme-runbooks" / ".unfinished-left", tmp_path / ".unfinished-left"]
    for half in halves:
        half.write_bytes(b"half")

    receipt = await index.publish(_FILES)

    assert len(receipt.files) == 2
    assert not any(half.exists() for half in halves)


async def test_pages_list_what_is_there(tmp_path: Path) -> None:
    index = FolderIndex(tmp_path)
    receipt = await index.publish(_FILES)
    await index.publish({"acme_runbooks-1.1.0+demo-py3-none-any.whl": b"x"})
    await index.publish({"other-1-py3-none-any.whl": b"x"})
    (tmp_path / "acme-runbooks" / "README").write_text("someone's own")

    page = (tmp_path / "acme-runbooks" / "index.html").read_text()
    listed = json.loads((tmp_path / "acme-runbooks" / "index.json").read_text())

    assert all(f"href='{file.name}#sha256={file.sha256}'" in page for file in receipt.files)
    assert listed["versions"] == ["1.0.0", "1.1.0+demo"]
    assert {file["filename"]: file["hashes"]["sha256"] for file in listed["files"]}[_WHEEL] == receipt.files[0].sha256
    assert "href='other/'" in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"../evil-1.0-py3-none-any.whl": b""},
        {"evil.pth": b""},
        {"a-1-py3-none-any.whl": b"", "b-1-py3-none-any.whl": b""},
        {"a-1-py3-none-any.whl": b"", "a-2.tar.gz": b""},
    ],
)
async def test_what_is_not_one_release_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    with pytest.raises(InvalidInput):
        await FolderIndex(tmp_path).publish(files)

    assert _all(tmp_path) == {}


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Every write beyond 64 KB fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("full_disk")
async def test_a_full_disk_leaves_nothing_by_half(tmp_path: Path) -> None:
    index = FolderIndex(tmp_path)

    with pytest.raises(Exhausted, match="cannot be written") as exhausted:
        await index.publish({_WHEEL: bytes(100_000)})

    assert exhausted.value.fix
    assert not [name for name in _all(tmp_path) if name != ".lock"]


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Exhausted):
        await FolderIndex(tmp_path / "file" / "index").publish(_FILES)


async def test_eight_publishers_at_once_have_one_winner(tmp_path: Path) -> None:
    # Each opens the folder's lock anew, as another process would.
    attempts = [FolderIndex(tmp_path).publish({_WHEEL: bytes([number % 2])}) for number in range(8)]

    said = await asyncio.gather(*attempts, return_exceptions=True)

    receipts = [receipt for receipt in said if isinstance(receipt, Receipt)]
    refusals = [error.reason for error in said if isinstance(error, Refused)]
    assert receipts == [receipts[0]] * 4
    assert refusals == ["index_conflict"] * 4
