"""Files of a new target repository."""

from phasegate.scaffold.starter import next_folder, starter_spec
from phasegate.scaffold.target import Approver, Aws, approvers, package_name, scaffold

__all__ = ["Approver", "Aws", "approvers", "next_folder", "package_name", "scaffold", "starter_spec"]
