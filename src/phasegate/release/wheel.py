"""A wheel as an archive: read without trust, with a finding for whatever a plain one does not have."""

import binascii
import csv
import io
import stat
import struct
import zipfile
import zlib
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import PurePosixPath

from phasegate.core.findings import Finding, Severity
from phasegate.release.archives import write_zip

MAX_BYTES = 64 * 1024 * 1024
MAX_FILES = 5000
_CODE = (".so", ".pyd", ".dll", ".dylib", ".pyc", ".pyo", ".exe", ".egg-link")


# What zipfile lets through from below when bytes are damaged on purpose.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    OSError,
    OverflowError,
)


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """Readable content of a wheel, and what is wrong with it as an archive."""

    files: Mapping[str, bytes]
    findings: tuple[Finding, ...]

    @property
    def info(self) -> str:
        """Name of its `.dist-info` folder, empty unless there is exactly one."""
        found = {name.split("/")[0] for name in self.files if name.split("/")[0].endswith(".dist-info")}
        return found.pop() if len(found) == 1 else ""


def read_wheel(content: bytes) -> Wheel:
    """Read a wheel of up to 64 MiB into memory, with findings instead of exceptions."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            findings = [*_sizes(entries), *_names(entries)]
            if findings:
                return Wheel(files={}, findings=tuple(findings))
            files = {entry.filename: archive.read(entry) for entry in entries}
            return Wheel(files=files, findings=tuple(_plain(content, files, entries)))
    except _UNREADABLE as error:
        return Wheel(files={}, findings=(broken("archive", "", f"the wheel cannot be read: {error}"),))


def check_record(wheel: Wheel) -> Iterator[Finding]:
    """Yield each file whose name, SHA-256 or size RECORD does not say, or says twice."""
    path = f"{wheel.info}/RECORD"
    try:
        rows = [row for row in csv.reader(io.StringIO(wheel.files.get(path, b"").decode())) if row]
    except (csv.Error, UnicodeDecodeError):
        rows = []
    names = Counter(row[0] for row in rows)
    for name in sorted(wheel.files.keys() | names.keys()):
        if names[name] != (name in wheel.files):
            yield broken("record", name, f"RECORD lists {name!r} {names[name]} times")
    for row in rows:
        if row[0] != path and row[0] in wheel.files and not _as_recorded(row, wheel.files[row[0]]):
            yield broken("record", row[0], f"{row[0]!r} is not the file that RECORD tells of")


def check_kinds(wheel: Wheel) -> Iterator[Finding]:
    """Each file of a kind that runs code unasked or cannot be reviewed, and each that lands outside of the package."""
    tops = {name.split("/")[0] for name in wheel.files} - {wheel.info}
    for name in sorted(wheel.files):
        if name.lower().endswith(".pth"):
            yield broken("start-up", name, f"{name!r} would run code at each start of Python")
        elif name.lower().endswith(_CODE):
            yield broken("compiled", name, f"{name!r} is compiled, and cannot be reviewed")
        elif name.split("/")[0].endswith(".data"):
            yield broken("outside", name, f"{name!r} would be laid outside of the package")
        elif "/" not in name:
            yield broken("outside", name, f"{name!r} stands beside the package")
    if not wheel.info or len(tops) != 1:
        yield broken(
            "packages", "", f"the wheel holds {', '.join(sorted(tops)) or 'nothing'} where one package belongs"
        )


def broken(rule: str, path: str, message: str, severity: Severity = Severity.critical) -> Finding:
    """A finding about a wheel."""
    fix = "build the wheel from the approved tree again"
    return Finding(check="wheel", rule=rule, severity=severity, path=path, message=message, fix=fix)


def _sizes(entries: list[zipfile.ZipInfo]) -> Iterator[Finding]:
    if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > MAX_BYTES:
        yield broken("size", "", f"the wheel holds more than {MAX_FILES} files or {MAX_BYTES} bytes")


def _names(entries: list[zipfile.ZipInfo]) -> Iterator[Finding]:
    # Two names that differ in case alone are one file on some disks: the second would overwrite the first.
    names = Counter(entry.filename.casefold() for entry in entries)
    for entry in entries:
        name, mode = entry.filename, entry.external_attr >> 16
        if _leaves(name) or entry.orig_filename != name:
            yield broken("traversal", name, f"{name!r} would be laid outside of the package")
        elif names[name.casefold()] > 1:
            yield broken("duplicate", name, f"{name!r} is in the wheel {names[name.casefold()]} times")
        elif stat.S_IFMT(mode) not in (0, stat.S_IFREG) or entry.is_dir():
            yield broken("link", name, f"{name!r} is a link or no plain file")
        elif entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            yield broken("archive", name, f"{name!r} is packed in a way that wheels do not use")


def _leaves(name: str) -> bool:
    parts = PurePosixPath(name)
    bad = not name or "\\" in name or "\0" in name or ":" in name
    return bad or parts.is_absolute() or ".." in parts.parts or str(parts) != name.rstrip("/")


def _plain(content: bytes, files: Mapping[str, bytes], entries: list[zipfile.ZipInfo]) -> Iterator[Finding]:
    """Yield a finding unless the bytes are those that we write for these files, with nothing around or twice."""
    first = min((entry.date_time for entry in entries), default=(1980, 1, 1, 0, 0, 0))
    if write_zip(files, datetime(*first, tzinfo=UTC)) != content:
        yield broken("archive", "", "the archive is not written as a reproducible build writes it")


def _as_recorded(row: list[str], content: bytes) -> bool:
    if len(row) != 3 or not row[1].startswith("sha256=") or row[2] != str(len(content)):
        return False
    try:
        said = urlsafe_b64decode(row[1].removeprefix("sha256=") + "=")
    except (binascii.Error, ValueError):
        return False
    return said == sha256(content).digest()
