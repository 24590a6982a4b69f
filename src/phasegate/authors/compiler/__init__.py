"""The embedded author: deterministic, offline, free. It builds from a spec with a runbook.yaml beside it."""

from phasegate.authors.compiler.author import Compiler

__all__ = ["Compiler"]
