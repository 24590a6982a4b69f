"""What we depend on has a licence that we have thought of."""

from pathlib import Path

from packaging.requirements import Requirement

from phasegate.release import read_project, resolve

_TOP = Path(__file__).parents[2]


def _is_permissive(licence: str) -> bool:
    words = licence.replace("(", " ").replace(")", " ").replace(",", " ").split()
    return not any(
        word.startswith(("GPL", "LGPL", "AGPL", "MPL", "EPL", "EUPL", "CDDL", "SSPL", "BUSL")) for word in words
    )


def test_every_dependency_names_its_licence_and_what_is_not_permissive_is_in_the_documents() -> None:
    tree = {path: (_TOP / path).read_bytes() for path in ("pyproject.toml", "src/phasegate/__init__.py")}
    requirements: list[Requirement] = read_project(tree).requirements
    found = resolve(requirements)
    listed = (_TOP / "docs" / "dependencies.md").read_text().partition("## Licences")[2]

    assert [name for name, each in found.items() if not each.licences] == []
    other = [name for name, each in found.items() if not all(map(_is_permissive, each.licences))]
    assert [name for name in other if name not in listed] == []
    assert "pygit2" in other
