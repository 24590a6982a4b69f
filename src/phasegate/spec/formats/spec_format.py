"""Seam to the formats in which people write specs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from phasegate.core import Finding
from phasegate.spec.model import Spec


@dataclass(frozen=True, kw_only=True)
class SpecFormat:
    """A format of specs, known by a file of the spec's folder."""

    name: str
    """What people call it, such as `Spec Kit`."""
    file: str
    """The file that holds the spec, such as `spec.md`."""
    parse: Callable[[str, str], Spec] = field(repr=False)
    """Parser from the text and the spec's folder, which reads as far as it can and refuses nothing."""
    lint: Callable[[str, str], Sequence[Finding]] = field(repr=False)
    """Findings in the text, from the text and the spec's folder."""
