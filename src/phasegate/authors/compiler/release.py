"""Document engineer's release: version, changelog, notes, and the digests of what was built from them."""

import json
from collections.abc import Awaitable, Callable

from phasegate.authors.author import Brief, Draft, digests_path
from phasegate.authors.compiler.comments import answered, recorded
from phasegate.authors.trial import test_files
from phasegate.release import (
    Builder,
    Notes,
    add_entry,
    notes_path,
    permission_changes,
    propose,
    release_notes,
    sbom,
    with_version,
)
from phasegate.spec import named_tests, read_spec

CHANGELOG = "CHANGELOG.md"


def releaser(builder: Builder) -> Callable[[Brief], Awaitable[Draft]]:
    """Return the function that drafts a release."""

    async def release(brief: Brief) -> Draft:
        facts = brief.facts
        bump = propose(brief.base, brief.files, demo=facts.unreleasable, taken=brief.taken)
        changed: dict[str, bytes | None] = {
            path: content
            for path, content in with_version(brief.files, bump.version).items()
            if brief.files.get(path) != content
        }
        note = "A policy decided at the gates of this release, not a person." if facts.unreleasable else ""
        log = brief.files.get(CHANGELOG, b"").decode()
        entry = add_entry(log, version=bump.version, on=facts.date, changes=bump.changes, note=note)
        changed[CHANGELOG] = entry.encode()
        ids, untested = read_spec(brief.files, facts.spec).ids, _untested(brief)
        notes = release_notes(
            Notes(
                project=facts.project,
                version=bump.version,
                previous="" if bump.current == "0.0.0" else bump.current,
                on=facts.date,
                changes=bump.changes,
                permissions=permission_changes(brief.base, brief.files),
                requirements={facts.spec: [name for name in ids if name not in untested]},
                untested={facts.spec: untested},
            )
        )
        path = notes_path(bump.version)
        changed[path] = recorded(brief, path, notes)
        after = {path: content for path, content in {**brief.files, **changed}.items() if content is not None}
        built = await builder.build(after, at=facts.midnight)
        changed[sbom_path(bump.version)] = sbom(built, at=facts.midnight)
        changed[digests_path(bump.version)] = (json.dumps(built.digests, indent=2, sort_keys=True) + "\n").encode()
        return Draft(files=changed, message=f"{facts.project} {bump.version}", answers=answered(brief))

    return release


def _untested(brief: Brief) -> list[str]:
    """Return the acceptance criteria that no test of the release names."""
    facts = brief.facts
    texts = [brief.files[path].decode() for path in test_files(brief.kind, facts, brief.files)]
    shown = {name for text in texts for test in named_tests(text) for name in test.ids}
    return [each.id for each in read_spec(brief.files, facts.spec).criteria if each.id not in shown]


def sbom_path(version: str) -> str:
    """Return the path of a release's bill of materials."""
    return f"docs/releases/{version}.sbom.json"
