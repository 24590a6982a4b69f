"""Specs in Spec Kit's layout."""
