"""Embedded author that builds from a spec with a runbook.yaml beside it: deterministic, offline, free."""

from phasegate.authors.compiler.author import Compiler

__all__ = ["Compiler"]
