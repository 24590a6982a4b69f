"""From an approved tree to a released package: version, changelog, wheel, bill of materials, index, installation.

Everything up to the wheel is a function of the tree and of dates that the caller gives: the same tree, the same bytes.
"""

from phasegate.release.backend import check_backend
from phasegate.release.build import Builder, Built, build
from phasegate.release.changelog import add_entry
from phasegate.release.changes import Change, Level, Section, permission_changes
from phasegate.release.dependencies import check_dependencies
from phasegate.release.environment import resolve
from phasegate.release.index import FolderIndex, Receipt
from phasegate.release.install import Installation, changed_files, install
from phasegate.release.notes import Notes, notes_path, release_notes
from phasegate.release.project import read_project
from phasegate.release.sbom import sbom
from phasegate.release.smoke import Smoke, Trial, smoke, smoke_imports
from phasegate.release.verify import verify_wheel
from phasegate.release.versioning import propose, with_version

__all__ = [
    "Builder",
    "Built",
    "Change",
    "FolderIndex",
    "Installation",
    "Level",
    "Notes",
    "Receipt",
    "Section",
    "Smoke",
    "Trial",
    "add_entry",
    "build",
    "changed_files",
    "check_backend",
    "check_dependencies",
    "install",
    "notes_path",
    "permission_changes",
    "propose",
    "read_project",
    "release_notes",
    "resolve",
    "sbom",
    "smoke",
    "smoke_imports",
    "verify_wheel",
    "with_version",
]
