"""Writes the Python module of a runbook, and the runtime that it stands on."""

from phasegate.runbooks.compiler.codegen.module import compile_module, runtime_files

__all__ = ["compile_module", "runtime_files"]
