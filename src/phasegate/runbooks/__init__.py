"""The runbook language: reading, lint, and the compiler."""
