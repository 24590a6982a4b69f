"""From an approved tree to a released package: version, changelog, wheel, bill of materials, index, installation.

Everything up to the wheel is a function of the tree and of dates that the caller gives: the same tree, the same bytes.
"""

from phasegate.release.backend import check_backend
from phasegate.release.build import Builder, Built, build
from phasegate.release.changelog import add_entry, entry_of
from phasegate.release.changes import Change, Level, Section, changes, permission_changes
from phasegate.release.compare import Grant
from phasegate.release.dependencies import check_dependencies
from phasegate.release.index import FolderIndex, Published, Publisher, Receipt
from phasegate.release.install import Installation, install
from phasegate.release.notes import Notes, notes_path, release_notes
from phasegate.release.project import Project, read_project
from phasegate.release.sbom import sbom
from phasegate.release.smoke import Smoke, Trial, smoke
from phasegate.release.verify import check_wheel_contents, verify_wheel
from phasegate.release.versioning import Bump, next_version, propose, unreleasable, with_version

__all__ = [
    "Builder",
    "Built",
    "Bump",
    "Change",
    "FolderIndex",
    "Grant",
    "Installation",
    "Level",
    "Notes",
    "Project",
    "Published",
    "Publisher",
    "Receipt",
    "Section",
    "Smoke",
    "Trial",
    "add_entry",
    "build",
    "changes",
    "check_backend",
    "check_dependencies",
    "check_wheel_contents",
    "entry_of",
    "install",
    "next_version",
    "notes_path",
    "permission_changes",
    "propose",
    "read_project",
    "release_notes",
    "sbom",
    "smoke",
    "unreleasable",
    "verify_wheel",
    "with_version",
]
