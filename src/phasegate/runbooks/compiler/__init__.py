"""The runbook compiler: code, tests, documents and IAM policy."""
