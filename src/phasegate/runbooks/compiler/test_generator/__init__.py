"""Writes pytest files for any valid runbook.yaml, from examples that are found by search."""

from phasegate.runbooks.compiler.test_generator.write import compile_tests, support_files, test_names, untested

__all__ = ["compile_tests", "support_files", "test_names", "untested"]
