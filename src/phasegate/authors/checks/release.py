"""Checks of a release before it is published."""

import json

from phasegate.authors.author import digests_path
from phasegate.authors.review import Check, Report, Subject
from phasegate.core import Finding, Severity
from phasegate.release import Builder, verify_wheel


def wheel_contents(builder: Builder) -> Check:
    """Make the check that builds the release anew and looks at every file of its wheel."""

    async def check(subject: Subject) -> Report:
        built = await builder.build(subject.files, at=subject.facts.midnight)
        findings = verify_wheel(built.wheel, subject.files)
        path = digests_path(built.project.version)
        if json.loads(subject.files.get(path, b"{}")) != built.digests:
            findings.append(
                Finding(
                    check="wheel-contents",
                    rule="other-bytes",
                    severity=Severity.critical,
                    path=path,
                    message="the digests in the draft are not those of what this tree builds to",
                    fix="draft the release again",
                )
            )
        name, size = built.project.wheel_name, len(built.wheel)
        return Report(findings=tuple(findings), evidence=f"{name}, {size:,} bytes, every file from this tree")

    return check
