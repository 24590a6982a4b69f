"""Checks of the chat models that roles work with, and one call of each on request."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from phasegate.app.app import App
from phasegate.core import Missing, PhasegateError, new_id, one_line
from phasegate.core.formatting import duration, listing
from phasegate.doctor.check import Check, Skipped
from phasegate.models import Allowance, Call, Scope, Usage
from phasegate.models.chat import Prompt
from phasegate.reports.spend import cents
from phasegate.team import ASSISTANT, COMPILER, RECORDED

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

BY_HAND = "(doctor)"
"""Name under which calls of the doctor's are counted, in place of a run's."""
_KEYS = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}
_MILLION = 1_000_000
_WISH = Call(
    messages=(Prompt(role="system", text="You are asked whether you answer."), Prompt(role="user", text="Say OK.")),
    max_tokens=64,
)


def of_models(app: App, *, call: bool) -> list[Check]:
    """Return a check for each model, and for the assistant.

    Args:
        app: the repository.
        call: whether each model is called once, which costs a fraction of a cent.
    """
    roles: dict[str, list[str]] = {}
    for role in app.flow.roles:
        roles.setdefault(app.team.cards[role].model, []).append(role)
    names = [name for name in roles if name != COMPILER]
    checks = [Check(name=name, ask=partial(_ask, app, name, roles[name], call), seconds=90) for name in names]
    return checks or [Check(name="models", ask=_none)]


async def _none() -> str:
    raise Skipped("the compiler works as every role", fix="have a model work as one: docs/models.md")


async def _ask(app: App, name: str, roles: Sequence[str], call: bool) -> str:
    who = f"works as {listing(roles)}"
    if name == ASSISTANT:
        return f"{who}; it takes orders over 'phasegate mcp phasegate'"
    if name.startswith(RECORDED):
        return f"{who} by recorded answers; no provider is called"
    model = await asyncio.to_thread(_made, app, name)
    parts = [who, await asyncio.to_thread(_account, app, name, model), _price(app, name)]
    return "; ".join([*parts, await _called(app, name)] if call else parts)


def _made(app: App, name: str) -> "BaseChatModel":
    from phasegate.models.langchain import Settings, provider_model  # loads the library of models

    try:
        return provider_model(name, Settings(options=app.config.models.options_of(name)))
    except PhasegateError:
        raise
    except Exception as error:  # each provider's package refuses settings and missing keys by errors of its own
        key = _KEYS.get(name.partition(":")[0])
        fix = f"set {key}" if key else "mend what it names, under [models.options]"
        raise Missing(f"{type(error).__name__}: {one_line(str(error))}", fix=fix) from error


def _account(app: App, name: str, model: Any) -> str:
    """Return where credentials come from, and never what they are.

    Raises:
        Missing: there are none.
    """
    provider, options = name.partition(":")[0], app.config.models.options_of(name)
    if provider.startswith("bedrock"):
        return _aws(model, options)
    if provider == "ollama":
        return f"no key is needed at {options.get('base_url') or 'http://localhost:11434'}"
    key = _KEYS.get(provider)
    if key is None:
        return "credentials are those that the provider's package finds"
    if not (options.get("api_key") or os.environ.get(key)):
        raise Missing(f"there is no key: {key} is not set", fix=f"set {key}")
    return "key of [models.options]" if options.get("api_key") else f"key of {key}"


def _aws(model: Any, options: dict[str, Any]) -> str:
    import boto3

    found = boto3.Session(profile_name=options.get("credentials_profile_name")).get_credentials()
    if found is None:
        raise Missing("there are no AWS credentials", fix="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret")
    return f"AWS credentials by {found.method}, {model.client.meta.region_name}"


def _price(app: App, name: str) -> str:
    """Return what a million tokens cost.

    Raises:
        UnknownPrice: nobody knows.
    """
    prices = app.meter.prices
    sent, written = (prices.of(name, usage) for usage in (Usage(input=_MILLION), Usage(output=_MILLION)))
    own = app.config.models.prices.get(name)
    source = f"your own price of {own.as_of}" if own else "by the shipped table"
    return f"{cents(sent)} in and {cents(written)} out a million tokens, {source}"


async def _called(app: App, name: str) -> str:
    """Call the model once, and count it.

    Raises:
        ModelFailed: the provider did not answer.
    """
    from phasegate.models.langchain import LangChainModel, Settings

    model = LangChainModel(
        name=name, settings=Settings(attempts=1, seconds=60, options=app.config.models.options_of(name))
    )
    scope = Scope(run=BY_HAND, role="doctor", key=f"doctor/1/1/{new_id()}")
    began = time.monotonic()
    try:
        reply = await replace(app.meter, run=Allowance()).complete(model, scope, 1, _WISH, Allowance())
    except PhasegateError as error:
        error.fix = error.fix.partition(", then 'phasegate run")[0]
        raise
    return f"answered in {duration(time.monotonic() - began)} for {cents(app.meter.prices.of(name, reply.usage))}"
