"""Verification of a wheel: every file comes from the approved tree, to the byte."""

from collections.abc import Iterator, Mapping

from phasegate.core.findings import Finding, Severity, worst_first
from phasegate.release.metadata import check_entry_points, check_metadata, check_top_level, check_wheel_file
from phasegate.release.project import SOURCE, Project, read_project
from phasegate.release.wheel import Wheel, broken, check_kinds, check_record, read_wheel


def verify_wheel(content: bytes, tree: Mapping[str, bytes]) -> list[Finding]:
    """Verify a wheel against the approved tree, without network, sandbox or build tool.

    Args:
        content: The wheel.
        tree: The approved tree of the target repository.

    Returns:
        What is wrong, the worst first; a release goes on only where nothing of it is blocking.

    Raises:
        InvalidInput: The tree has no pyproject.toml or package that holds.
    """
    project = read_project(tree)
    wheel = read_wheel(content)
    # Nothing was unpacked, so nothing else can be said.
    if wheel.findings and not wheel.files:
        return worst_first(wheel.findings)
    itself = [*wheel.findings, *check_kinds(wheel), *check_record(wheel)]
    return worst_first([*itself, *_origin(wheel, tree, project), *_missing(wheel, tree, project)])


def _origin(wheel: Wheel, tree: Mapping[str, bytes], project: Project) -> Iterator[Finding]:
    info = f"{project.stem}.dist-info"
    for name, content in sorted(wheel.files.items()):
        folder, _, rest = name.partition("/")
        if folder == info:
            yield from _generated(rest, name, wheel, tree, project)
        elif folder != project.package or f"{SOURCE}/{name}" not in tree:
            yield broken("unapproved-file", name, f"{name!r} is in no approved tree")
        elif tree[f"{SOURCE}/{name}"] != content:
            yield broken("changed-file", name, f"{name!r} has other bytes than {SOURCE}/{name} in the approved tree")


def _generated(rest: str, name: str, wheel: Wheel, tree: Mapping[str, bytes], project: Project) -> Iterator[Finding]:
    content = wheel.files[name]
    match rest.partition("/"):
        case ("METADATA", "", ""):
            yield from check_metadata(content, project, tree, name)
        case ("WHEEL", "", ""):
            yield from check_wheel_file(content, name)
        case ("entry_points.txt", "", ""):
            yield from check_entry_points(content, project, name)
        case ("top_level.txt", "", ""):
            yield from check_top_level(content, {project.package}, name)
        case ("RECORD", "", ""):
            pass  # check_record held it against every file
        case ("licenses", "/", path) if tree.get(path) == content:
            pass
        case _:
            yield broken("unapproved-file", name, f"{name!r} is no metadata that the approved tree gives rise to")


def _missing(wheel: Wheel, tree: Mapping[str, bytes], project: Project) -> Iterator[Finding]:
    for name in ("METADATA", "WHEEL", "RECORD", *(["entry_points.txt"] if project.table.scripts else [])):
        path = f"{project.stem}.dist-info/{name}"
        if path not in wheel.files:
            yield broken("missing-file", path, f"the wheel has no {name}")
    for path in sorted(tree):
        name = path.removeprefix(f"{SOURCE}/")
        if path.startswith(f"{SOURCE}/{project.package}/") and name not in wheel.files:
            # A module left out breaks the package; a data file may be left out on purpose, by package-data.
            severity = Severity.high if path.endswith(".py") else Severity.medium
            yield broken("missing-file", name, f"{path!r} was approved, and is not in the wheel", severity)
