"""The runbook language: model, expressions and lint."""
