"""Renderers of values as rich tables and panels."""
