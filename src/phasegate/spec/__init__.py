"""Specs in Spec Kit layout: reading, requirement ids, lint."""
