"""Accounts of people, their sessions, and tokens of programs, for the page and the REST API.

An account holds a copy of its manager's private key, encrypted under the passphrase that also signs in. The unlocked
key lives in the server's memory alone, as long as the session does, or for as long as its owner left it unlocked for
another channel: what is stored can decide nothing.
"""

from phasegate.identity.accounts import Account, Accounts
from phasegate.identity.sessions import ABSOLUTE, Session, Sessions
from phasegate.identity.signin import Passphrases, Proof, SignIn, Throttle
from phasegate.identity.tokens import Scope, Token, Tokens
from phasegate.identity.unlocked_keys import Unlock, Unlocked

__all__ = [
    "ABSOLUTE",
    "Account",
    "Accounts",
    "Passphrases",
    "Proof",
    "Scope",
    "Session",
    "Sessions",
    "SignIn",
    "Throttle",
    "Token",
    "Tokens",
    "Unlock",
    "Unlocked",
]
