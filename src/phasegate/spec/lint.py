"""Lint of a spec: what its format asks for, and what may stand in no spec whatever its format."""

from collections.abc import Collection, Mapping

from phasegate.core import Finding, Severity
from phasegate.core.secrets import find_secrets
from phasegate.spec.formats import FORMATS, SpecFormat, format_of
from phasegate.spec.prompt_injection import lint_text
from phasegate.spec.source import CHECK, spec_text


def lint_spec(files: Mapping[str, bytes], folder: str, formats: Collection[SpecFormat] = FORMATS) -> list[Finding]:
    """Lint the spec in a folder.

    Args:
        files: path to content, at least of the folder.
        folder: the spec's folder, such as `specs/001-unattached-ebs-volumes`.
        formats: the formats to choose from by the folder's files.

    Returns:
        Findings with line and fix, in order of lines.

    Raises:
        InvalidInput: if there is no spec, or it is refused before it is read.
    """
    chosen = format_of(files, folder, formats)
    text, path = spec_text(files, folder, chosen.file), f"{folder}/{chosen.file}"
    found = [*chosen.lint(text, folder), *lint_text(text, path), *lint_secrets(files, folder)]
    return sorted(found, key=lambda finding: (finding.line, finding.rule))


def lint_secrets(files: Mapping[str, bytes], folder: str) -> list[Finding]:
    """Return a finding for each secret in a file of the folder: its kind, file and line, and never its value."""
    return [
        Finding(
            check=CHECK,
            rule="secret",
            severity=Severity.high,
            path=path,
            line=text.count("\n", 0, secret.start) + 1,
            message=f"this looks like a secret ({secret.kind}); what is committed is read by everybody, for ever",
            fix="take it out, name a variable in its place, and have whoever issued it replace it",
        )
        for path, content in sorted(files.items())
        if path.startswith(f"{folder}/")
        for text in [content.decode(errors="replace")]
        for secret in find_secrets(text)
    ]
