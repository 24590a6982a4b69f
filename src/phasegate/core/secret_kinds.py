"""Kinds of secrets that are known by their form, in one table with a tested sample of each.

A library was looked at (`detect-secrets`): it reads files line by line, was last released in 2024, and knows neither a
secret in the middle of an answer nor one that is split, encoded or hidden.
"""

import base64
import binascii
import re
from functools import cache
from typing import NamedTuple

_DIGIT = r"(?=\S{0,199}[0-9])"
_MIXED = r"(?=\S{0,199}[0-9])(?=\S{0,199}[A-Z])"


class SecretKind(NamedTuple):
    """Secrets of one form."""

    name: str
    pattern: str
    """What it looks like; where it has a group, the group is the secret."""
    needs: tuple[str, ...]
    """Texts, in lower case, without one of which it is not there: looking for these is quick."""


KINDS = (
    SecretKind(
        "AWS access key id",
        r"(?<![A-Z0-9])(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])",
        ("a3t", "akia", "asia", "abia", "acca"),
    ),
    SecretKind("AWS secret access key", r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])", ("",)),
    SecretKind("AWS session token", r"\b(?:IQoJ|FwoG|FQoG)[A-Za-z0-9+/=]{60,}", ("iqoj", "fwog", "fqog")),
    SecretKind(
        "Slack token",
        r"\bxox[abceoprs](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}|\bxapp-[0-9]-[A-Za-z0-9-]{20,}",
        ("xox", "xapp-"),
    ),
    SecretKind(
        "GitHub token",
        r"\bgh[opsur]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{40,}",
        ("gho_", "ghp_", "ghs_", "ghu_", "ghr_", "github_pat_"),
    ),
    SecretKind("GitLab token", r"\bgl(?:pat|ptt|dt|rt|soat|cbt|agent|imt|ft)-[A-Za-z0-9_-]{20,}", ("gl",)),
    SecretKind(
        "Atlassian token", r"\bAT[ACS]TT[A-Za-z0-9_=-]{40,}|\bATBB[A-Za-z0-9]{28,}", ("atatt", "atctt", "atstt", "atbb")
    ),
    SecretKind("Phasegate token", rf"\bpg_{_MIXED}[A-Za-z0-9_-]{{40,}}", ("pg_",)),
    SecretKind("npm token", r"\bnpm_[A-Za-z0-9]{36}", ("npm_",)),
    SecretKind("PyPI token", r"\bpypi-AgE[A-Za-z0-9_-]{40,}", ("pypi-",)),
    SecretKind(
        "Stripe key",
        r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/=]{24,}",
        ("k_live_", "k_test_", "whsec_"),
    ),
    SecretKind(
        "Google key",
        r"\bAIza[A-Za-z0-9_-]{35}|\bGOCSPX-[A-Za-z0-9_-]{20,}|\bya29\.[A-Za-z0-9_-]{20,}",
        ("aiza", "gocspx-", "ya29."),
    ),
    SecretKind(
        "key of a model's provider",
        rf"\bsk-{_DIGIT}[A-Za-z0-9_-]{{20,}}|\bhf_[A-Za-z0-9]{{30,}}|\bgsk_[A-Za-z0-9]{{40,}}",
        ("sk-", "hf_", "gsk_"),
    ),
    SecretKind("SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{32,}", ("sg.",)),
    SecretKind(
        "token of a service",
        r"\b(?:dckr_pat_|shpat_|dop_v1_|hvs\.|glsa_|dapi)[A-Za-z0-9_-]{24,}",
        ("dckr_pat_", "shpat_", "dop_v1_", "hvs.", "glsa_", "dapi"),
    ),
    SecretKind("age key", r"\bAGE-SECRET-KEY-1[A-Z0-9]{40,}", ("age-secret-key-",)),
    SecretKind("JSON web token", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)?", ("eyj",)),
    SecretKind(
        "Azure key",
        r"\b(?:AccountKey|SharedAccessKey|sig)=([A-Za-z0-9+/%_-]{30,}={0,2})",
        ("accountkey=", "sharedaccesskey=", "sig="),
    ),
    SecretKind(
        "webhook",
        r"\bhttps://(?:hooks\.slack\.com|[\w.-]*webhook\.office\.com|discord(?:app)?\.com/api/webhooks)/\S+",
        ("hooks.slack.com", "webhook.office.com", "/api/webhooks/"),
    ),
    SecretKind("webhook", r"\bhttps://\S{1,2000}?[?&;]sig=[A-Za-z0-9%_-]{16,}\S*", ("sig=",)),
    SecretKind(
        "password in an address", r"://[^\s/:@]{1,200}:(?![0-9]{1,5}(?:[/?#]|$))[^\s@]{1,500}@(?=[\w\[])", ("://",)
    ),
    SecretKind(
        "private key",
        r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----"
        r"(?:.{1,20000}?-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|(?:\s*[A-Za-z0-9+/=]{16,})+)",
        ("private key",),
    ),
    SecretKind("bearer token", rf"(?i:\bbearer\s+){_DIGIT}([A-Za-z0-9._~+/-]{{16,}}=*)", ("bearer",)),
    SecretKind("basic credentials", r"(?i:\bbasic\s+)([A-Za-z0-9+/_-]{8,}={0,2})", ("basic",)),
    SecretKind(
        "authorization",
        r"(?i:\bauthorization[\"']?\s*[:=]\s*[\"']?(?:[a-z]+\s+)?)((?=\S*[0-9=])[A-Za-z0-9._~+/-]{16,}=*)",
        ("authorization",),
    ),
    SecretKind(
        "password",
        r"(?i:(?:password|passwd|passphrase|pwd)[\"']?\s*(?:[:=]|=>)\s*[\"']?)"
        r"((?=\S{0,99}[0-9!@#$%^&*+~?])(?=\S{0,99}[A-Za-z])[^\s\"'<>{}()\[\],;`$*|]{6,})",
        ("passw", "passphrase", "pwd"),
    ),
    SecretKind(
        "secret by its name",
        r"(?<![:/])(?i:(?:secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|credentials?)"
        r"[\"']?(?:\s*(?:[:=]|=>)\s*|\s+(?:is\s+)?)[\"']?)"
        r"((?=[^\s\"']{0,99}[0-9])(?=[^\s\"']{0,99}[A-Za-z])[A-Za-z0-9+/_=.~-]{16,})",
        ("secret", "token", "key", "auth", "credential"),
    ),
)


@cache
def compiled() -> tuple[tuple[SecretKind, re.Pattern[str]], ...]:
    """Return each kind with its pattern, compiled at the first use: most commands look for none."""
    return tuple((kind, re.compile(kind.pattern, re.DOTALL)) for kind in KINDS)


def is_one(kind: SecretKind, before: str, value: str) -> bool:
    """Return whether what looks like a secret of a kind is one.

    Args:
        kind: what it looks like.
        before: the text just before it.
        value: the secret itself.
    """
    if kind.name == "AWS secret access key":
        return all(re.search(each, value) for each in ("[A-Z]", "[a-z]", "[0-9]"))
    if kind.name == "basic credentials":
        return ":" in decoded(value)
    if kind.name == "secret by its name":
        return not _PAGING.search(before) and is_random(value)
    return kind.name not in ("password", "authorization") or not _PLACEHOLDER.search(value)


def is_secret_file(name: str) -> bool:
    """Return whether a file of this name is for secrets, other than a sample of such a file.

    >>> [is_secret_file(name) for name in (".env", ".env.prod", "key.PEM", "id_rsa", ".env.example", "spec.md")]
    [True, True, True, True, False, False]
    """
    plain = name.lower()
    return bool(_SECRET_FILE.fullmatch(plain)) and not plain.endswith((".example", ".sample", ".template", ".pub"))


def is_random(value: str) -> bool:
    """Return whether a word looks drawn rather than written.

    >>> [is_random(word) for word in ("8f742231b10e8888abcd99yyyzzz85a5", "eu-west-1", "tests/unit/test_1.py", "v2.10")]
    [True, False, False, False]
    """
    if len(value) >= 32 and _HEX.fullmatch(value):
        return True
    if len(value) < 12 or _PLACEHOLDER.search(value) or _WRITTEN.fullmatch(value):
        return False
    runs = re.findall(r"[0-9]+|[a-z]+|[A-Z]+|[^0-9a-zA-Z]", value)
    return (
        any(char.isdigit() for char in value) and any(char.isalpha() for char in value) and len(runs) * 4 >= len(value)
    )


def decoded(value: str) -> str:
    """Return the text that a run of Base64 or hexadecimal digits encodes, or an empty string."""
    if _HEX.fullmatch(value) and len(value) % 2 == 0:
        return _printable(bytes.fromhex(value))
    plain = value.rstrip("=").replace("-", "+").replace("_", "/")
    plain = plain[:-1] if len(plain) % 4 == 1 else plain
    try:
        return _printable(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except (binascii.Error, ValueError):
        return ""


def _printable(content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return ""
    return text if all(char.isprintable() or char.isspace() for char in text) else ""


_HEX = re.compile(r"[0-9a-fA-F]+")
_PAGING = re.compile(
    r"(?i)(?:next|page|paging|pagination|continuation|client|request|idempotency|cancel|sync|max)[_-]?tokens?[\"':=\s]*$"
)
"""Tokens that open nothing."""
_PLACEHOLDER = re.compile(
    r"(?i)example\.|placeholder|your[_-]|xxxx|\*\*\*|\.\.\.|changeme|redacted|\(secret\)|^\$|^%[a-z(]|^<"
)
_WRITTEN = re.compile(
    r"[A-Za-z]+(?:[-_./][A-Za-z]+)*(?:[-_./]?[0-9.]+)?(?:\.[a-z]{1,4})?|arn:.*|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|sha[0-9]+.*|/.*"
)
"""Words, paths, versions, ids and digests, as people and programs write them."""
_SECRET_FILE = re.compile(
    r"\.env(\..+)?|.+\.env|.+\.(pem|key|p12|pfx|jks|keystore|kdbx|ppk|p8|asc|gpg|tfstate)|id_(rsa|dsa|ecdsa|ed25519)(_sk)?(\..+)?"
    r"|\.(netrc|npmrc|pypirc|pgpass|htpasswd|git-credentials|dockercfg|envrc)|_netrc|credentials(\.(json|ya?ml|csv|ini))?"
    r"|(client_)?secrets?\.(json|ya?ml|toml|ini)|service[-_]account.*\.json"
)
