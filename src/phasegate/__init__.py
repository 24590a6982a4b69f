"""Phasegate: a spec goes to a released package, and one human decides at every gate."""
