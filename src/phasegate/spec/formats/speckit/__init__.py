"""Specs in Spec Kit's layout."""

from phasegate.spec.formats.spec_format import SpecFormat
from phasegate.spec.formats.speckit.lint import lint
from phasegate.spec.formats.speckit.parse import FILE, parse_spec

SPECKIT = SpecFormat(name="Spec Kit", file=FILE, parse=parse_spec, lint=lint)
