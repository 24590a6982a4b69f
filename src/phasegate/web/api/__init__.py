"""The REST API, `/api/v1`: the same values as the terminal prints with `--json`."""
