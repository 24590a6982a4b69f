"""Reading a spec, whatever its format."""

from collections.abc import Collection, Mapping

from phasegate.spec.formats import FORMATS, SpecFormat, format_of
from phasegate.spec.model import Spec
from phasegate.spec.source import spec_text


def read_spec(files: Mapping[str, bytes], folder: str, formats: Collection[SpecFormat] = FORMATS) -> Spec:
    """Read the spec in a folder.

    Args:
        files: path to content, at least of the folder.
        folder: the spec's folder, such as `specs/001-unattached-ebs-volumes`.
        formats: the formats to choose from by the folder's files.

    Raises:
        InvalidInput: if there is no spec, or it is refused before it is read; `lint_spec` judges all else.
    """
    chosen = format_of(files, folder, formats)
    return chosen.parse(spec_text(files, folder, chosen.file), folder)
