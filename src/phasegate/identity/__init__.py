"""Accounts of people, their sessions, and tokens of programs, for the page and the REST API.

An account holds a copy of its manager's private key, encrypted under the passphrase that also signs in. A session holds
no key: each signature is made by a process that is given the passphrase, signs one statement and ends; or, for as long
as its owner left a key unlocked for another channel, decisions at gates. What is stored can decide nothing.
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
