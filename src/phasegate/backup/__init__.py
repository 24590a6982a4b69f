"""Backups of a record, and their restoration."""
