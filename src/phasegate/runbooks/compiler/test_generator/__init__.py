"""Writes pytest files for any valid runbook.yaml, from examples that are found by search."""

from phasegate.runbooks.compiler.test_generator.criteria_shown import Compared
from phasegate.runbooks.compiler.test_generator.write import (
    compare_criteria,
    compile_tests,
    support_files,
    test_names,
    untested,
)

__all__ = ["Compared", "compare_criteria", "compile_tests", "support_files", "test_names", "untested"]
