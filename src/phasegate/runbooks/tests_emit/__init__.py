"""Writes pytest files for any valid runbook.yaml: examples found by search, told to AWS's stand-in, judged by the language."""

from phasegate.runbooks.tests_emit.write import compile_tests, support_files, test_names, untested

__all__ = ["compile_tests", "support_files", "test_names", "untested"]
