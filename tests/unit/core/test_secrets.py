"""Secrets are found in every spelling, and texts without any are left alone."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from phasegate.core.secrets import also_secret, find_secrets, is_secret_field, take_out, without_secrets

TOP = Path(__file__).parents[3]
A, B = "A1b2C3d4", "Ab1-"
SAMPLES = {
    "AWS access key id": "AKIA" + "IOSFODNN7EXAMPLE",
    "AWS secret access key": "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYEXAMPLEKEY",
    "AWS session token": "IQoJb3JpZ2luX2VjEOr//////////wEaCXVzLWVhc3QtMSJHMEUCIQDk" + A * 20,
    "Slack bot": "xoxb-" + "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx",
    "Slack app": "xapp-" + "1-A012ABCDEFG-1234567890123-" + "a1b2c3d4" * 8,
    "Slack webhook": "https://hooks.slack.com/services/" + "T00/B00/XXXXXXXXXXXXXXXXXXXXXXXX",
    "Slack signing secret": "8f742231b10e8888" + "abcd99yyyzzz85a5",
    "Jira token": "ATATT3xFfGF0" + "Ab1_" * 40 + "=1A2B3C4D",
    "GitHub": "ghp_" + "A1b2" * 9,
    "GitHub, fine": "github_pat_" + "A1b2" * 20,
    "GitLab": "glpat-" + "A1b2" * 5,
    "JSON web token": "eyJhbGciOiJIUzI1NiJ9."
    + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "PEM": "-----BEGIN PRIVATE " + "KEY-----\nMC4CAQAwBQYDK2VwBCIEIFc9vQd3\nAAAA\n-----END PRIVATE KEY-----",
    "PEM, cut": "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEowIBAAKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0g",
    "OpenSSH": "-----BEGIN OPENSSH PRIVATE "
    + "KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUA\n-----END OPENSSH PRIVATE KEY-----",
    "PGP": "-----BEGIN PGP PRIVATE " + "KEY BLOCK-----\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----",
    "password in an address": "postgres://admin:" + "S3cretPassw0rd@db.example.org/x",
    "password in an address, with a slash": "https://u:" + "p/ss@h.example",
    "password=": "password=" + "S3cretPassw0rd!",
    "Basic": "Authorization: Basic " + "YWRtaW46UzNjcmV0UGFzc3cwcmQ=",
    "Bearer": "Authorization: Bearer " + "abcdefghijklmnop1234567890",
    "Phasegate": "pg_" + B * 10 + "xyz",
    "npm": "npm_" + "A1b2" * 9,
    "PyPI": "pypi-AgEIcHlwaS5vcmc" + "A1b2" * 20,
    "Stripe": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "Google": "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "Azure": "AccountKey=" + "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    "Teams": "https://prod-12.westeurope.logic.azure.com/workflows/abc/triggers/manual/paths/invoke?sig=" + A * 5,
    "OpenAI": "sk-proj-" + "A1b2" * 10,
    "Anthropic": "sk-ant-api03-" + "A1b2" * 20,
}
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "Base64": lambda s: base64.b64encode(s.encode()).decode(),
    "in an address": lambda s: quote(s, safe=""),
    "hexadecimal": lambda s: s.encode().hex(),
    "split": lambda s: f"{s[: len(s) // 2]}\n{s[len(s) // 2 :]}",
    "split and indented": lambda s: f"{s[: len(s) // 2]}\n    {s[len(s) // 2 :]}",
    "zero width": lambda s: f"{s[:6]}\u200b{s[6:]}",
    "soft hyphens": lambda s: "\u00ad".join((s[:4], s[4:9], s[9:])),
    "in JSON": lambda s: json.dumps({"x": s}),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_secret_is_taken_out_in_every_spelling(name: str, spelling: str) -> None:
    if (name, spelling) == ("Slack signing secret", "in JSON"):
        pytest.skip("known by the word before it alone, which stands elsewhere here")
    sample = SAMPLES[name]
    written = SPELLINGS[spelling](sample)
    out = without_secrets(f"error: token {written} was refused")
    assert "(secret)" in out
    assert out.endswith("was refused")
    long = [part for part in written.split("\n") if len(part.strip()) > 8] if "split" in spelling else [written]
    assert not [part for part in long if part.strip() in out]
    assert sample[6:] not in out


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("value", ["hunter-two/is+my=pass", 'p"q\\r8s t', "Zürich-2026!"])
def test_a_value_of_this_process_is_known_whatever_it_looks_like(
    value: str, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSTS_PASSWORD", value)
    assert "(secret)" in without_secrets(f"it said: {SPELLINGS[spelling](value)}.")
    assert "(secret)" in without_secrets(f"Basic {base64.b64encode(f'me:{value}'.encode()).decode()}")


def test_variables_of_servers_are_known_where_they_hold_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "X_WAY": "q7Rr2kWmZ91x",
        "X_REGION": "eu-west-1",
        "X_PLACE": "https://jira.example.org",
        "X_NAME": "nightly",
    }
    for name, value in {**given, "X_IN": "opensesame"}.items():
        monkeypatch.setenv(name, value)
    also_secret(given, held=["X_IN"])
    said = without_secrets(" ".join([*given.values(), "opensesame"]))
    assert said == "(secret) eu-west-1 https://jira.example.org nightly (secret)"


@pytest.mark.parametrize(
    "text",
    [
        "Move the token bucket to secret-rotation-2; the password is never logged.",
        "password: str = getpass()  # api_key is read from the environment",
        'NextToken: "eyJ2IjoiMiIsImMiOiJhYmMifQ", ClientToken=3f1c2b7a-1111-2222-3333-444455556666',
        f"sha256:{'9f86d081884c7d65' * 4} at {'5caa442e1f' * 4}",
        "arn:aws:secretsmanager:us-west-2:123456789012:secret:MyTestDatabaseSecret-a1b2c3",
        "https://example.org:8443/a@b and http://localhost:8080/@me",
        "basic authentication, bearer authentication-token, sk-learn-something-long-name",
        "src/phasegate/runbooks/tests_emit/Walk2/Something/file.py",
        "-----BEGIN PRIVATE " + "KEY----- is how such a file begins",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_our_own_documents_hold_none() -> None:
    files = [*(TOP / "docs").rglob("*.md"), *(TOP / "specs").rglob("*.md"), *(TOP / "specs").rglob("*.yaml")]
    found = {file.name: find_secrets(file.read_text()) for file in files}
    assert {name: secrets for name, secrets in found.items() if secrets} == {}


def test_fields_of_documents_say_by_their_name_what_they_hold() -> None:
    assert is_secret_field("Password", "hunter2!x")
    assert is_secret_field("client_secret", "8f742231b10e8888abcd99yyyzzz85a5")
    assert not is_secret_field("PasswordLastUsed", "2026-11-30T10:00:00Z")
    assert not is_secret_field("secret", "the-name-of-it")
    key = SAMPLES["AWS access key id"]
    assert take_out({"a": [key, 1], "b": {"c": f"x {key}"}}) == {"a": ["(secret)", 1], "b": {"c": "x (secret)"}}


@pytest.mark.parametrize(
    "text", ["https://" * 5000, '"' * 40_000, "password" * 5000, "a" * 40_000 + "@", "%41" * 15_000, "\\n" * 20_000]
)
def test_no_text_makes_the_looking_long(text: str) -> None:
    import time

    began = time.process_time()
    find_secrets(text)
    assert time.process_time() - began < 5
