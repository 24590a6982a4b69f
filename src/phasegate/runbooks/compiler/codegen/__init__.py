"""Writes the Python module of a runbook, and the runtime that it stands on."""

from phasegate.runbooks.compiler.codegen.module import compile_module, runtime_files
from phasegate.runbooks.compiler.codegen.module_source import formatted

__all__ = ["compile_module", "formatted", "runtime_files"]
