"""Folder and file of a spec, refused before anything reads them if they are not safe to."""

import re
from collections.abc import Mapping

from phasegate.core import Finding, InvalidInput, Severity

CHECK = "spec-lint"
"""Check in whose name a spec is refused or found fault with."""
LIMIT = 1024 * 1024
"""Bytes of one file of a spec; more is refused with its size."""
MOST_TEXT = 128 * 1024
"""Bytes of the spec itself, which is parsed at each reading."""

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def spec_path(folder: str, file: str) -> str:
    """Path of the spec in its folder.

    Raises:
        InvalidInput: if the folder is absolute, leaves the repository, or has other than plain names in it.
    """
    if not all(_SEGMENT.fullmatch(segment) for segment in folder.split("/")):
        message = f"{folder!r} is not a spec's folder"
        fix = "name a folder inside the repository, such as specs/001-unattached-ebs-volumes"
        raise _refused("folder", folder, message, fix)
    return f"{folder}/{file}"


def spec_text(files: Mapping[str, bytes], folder: str, file: str) -> str:
    """The text of the spec, with `\\n` line ends.

    Raises:
        InvalidInput: if the folder is refused, no spec is there, a file of the folder is too large, or it is not text.
    """
    path = spec_path(folder, file)
    if path not in files:
        raise _refused("missing-spec", path, f"there is no {path}", f"write {path}, or name another folder")
    for each, content in files.items():
        if each.startswith(f"{folder}/") and len(content) > LIMIT:
            raise _too_large(each, len(content), LIMIT)
    if len(files[path]) > MOST_TEXT:
        raise _too_large(path, len(files[path]), MOST_TEXT)
    try:
        return files[path].decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8 text: byte {error.start} does not belong"
        raise _refused("encoding", path, message, "save it as UTF-8") from None


def _too_large(path: str, size: int, most: int) -> InvalidInput:
    message = f"{path} is {size:,} bytes; it may have at most {most:,}"
    return _refused("too-large", path, message, "take out what does not belong, or split the spec")


def _refused(rule: str, path: str, message: str, fix: str) -> InvalidInput:
    shown = path.encode("unicode_escape").decode()
    finding = Finding(check=CHECK, rule=rule, severity=Severity.critical, path=shown, message=message, fix=fix)
    return InvalidInput(message, fix=fix, findings=[finding])
