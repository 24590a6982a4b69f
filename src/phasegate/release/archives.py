"""Archives whose bytes depend on nothing but what is in them."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime

_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
_FILE = 0o100644
_UNIX = 3


def write_zip(files: Mapping[str, bytes], at: datetime) -> bytes:
    """A zip of these files, in the order of their names, all of one time and mode.

    Nothing is compressed: the bytes then do not depend on the machine's zlib either, of which there are several.

    Args:
        files: Name to content.
        at: The time of each entry; zip knows none before 1980, and no odd seconds.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=max(at.astimezone(UTC), _EARLIEST).timetuple()[:6])
            entry.external_attr = _FILE << 16
            entry.create_system = _UNIX
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def write_tar_gz(files: Mapping[str, bytes], at: datetime) -> bytes:
    """Pack these files into a compressed tar, in the order of their names, all of one time, owner and mode."""
    epoch = int(at.timestamp())
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(files[name]), epoch, 0o644
            archive.addfile(entry, io.BytesIO(files[name]))
    # Packed apart, because tarfile's own compression writes the time of day and the file's name.
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=epoch) as stream:
        stream.write(buffer.getvalue())
    return packed.getvalue()
