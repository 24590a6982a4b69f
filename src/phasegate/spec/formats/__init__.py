"""Formats of specs, chosen by the files of a spec's folder."""

from collections.abc import Collection

from phasegate.spec.formats.spec_format import SpecFormat
from phasegate.spec.formats.speckit import SPECKIT

FORMATS = (SPECKIT,)
"""In the order in which they are looked for; a folder without a spec is taken to want the first."""

__all__ = ["FORMATS", "SpecFormat", "format_of"]


def format_of(paths: Collection[str], folder: str, formats: Collection[SpecFormat] = FORMATS) -> SpecFormat:
    """Return the first format whose file is in the folder, or the first of all where there is none.

    >>> format_of(["specs/001-a/spec.md"], "specs/001-a").name
    'Spec Kit'
    """
    first, *_ = formats
    return next((each for each in formats if f"{folder}/{each.file}" in paths), first)
