"""What the local Bedrock knows of models: a choice of real ones that differ in what they take."""

from dataclasses import dataclass, replace

PREFIXES = ("us.", "eu.", "apac.", "global.", "jp.", "au.")


@dataclass(frozen=True, kw_only=True)
class Model:
    """What a model takes; what it does not take is refused."""

    id: str
    choices: frozenset[str] = frozenset({"auto", "any", "tool"})
    """Ways to have a tool used; empty: it uses no tools."""
    obeys_choice: bool = True
    """Whether a tool that has to be used is used."""
    caches: bool = True
    caches_tools: bool = True
    caches_for_an_hour: bool = False
    least_cached: int = 1024
    """Tokens below which a cache point caches nothing."""
    native: bool = True
    """Whether it takes a schema of the answer, and strict tools."""
    thinks: bool = True
    samples: bool = True
    """Whether it takes a temperature."""
    prefills: bool = True
    """Whether a conversation may end with what the assistant begins to say."""
    on_demand: bool = False
    """Whether it is called by its own id, not only by that of an inference profile."""
    streams_tools: bool = True
    context: int = 200_000
    output: int = 64_000
    anthropic: bool = True
    """Whether fields that Converse does not know are held against Anthropic's own."""


SONNET_4 = Model(id="anthropic.claude-sonnet-4-20250514-v1:0", native=False)
SONNET_4_5 = Model(id="anthropic.claude-sonnet-4-5-20250929-v1:0", caches_for_an_hour=True)
HAIKU_4_5 = replace(SONNET_4_5, id="anthropic.claude-haiku-4-5-20251001-v1:0", least_cached=4096)
SONNET_4_6 = replace(SONNET_4_5, id="anthropic.claude-sonnet-4-6", prefills=False, context=1_000_000, output=128_000)
SONNET_5_5 = replace(SONNET_4_6, id="anthropic.claude-sonnet-5-5", choices=frozenset({"auto"}), samples=False)
_OTHER = Model(id="", caches=False, native=False, thinks=False, on_demand=True, anthropic=False, output=8192)
NOVA_LITE = replace(_OTHER, id="amazon.nova-lite-v1:0", caches=True, caches_tools=False, context=300_000)
LLAMA_3_1 = replace(_OTHER, id="meta.llama3-1-70b-instruct-v1:0", choices=frozenset({"auto"}), streams_tools=False)
MISTRAL = replace(_OTHER, id="mistral.mistral-large-2407-v1:0", choices=frozenset({"auto", "any"}), streams_tools=False)
DEEPSEEK = replace(_OTHER, id="deepseek.v3-v1:0", choices=frozenset({"auto", "any"}), obeys_choice=False, native=True)
TITAN = replace(_OTHER, id="amazon.titan-text-premier-v1:0", choices=frozenset())

MODELS = {
    model.id: model
    for model in (
        *(SONNET_4, SONNET_4_5, HAIKU_4_5, SONNET_4_6, SONNET_5_5),
        *(NOVA_LITE, LLAMA_3_1, MISTRAL, DEEPSEEK, TITAN),
    )
}


def through_profile(model: Model, prefix: str = "us.") -> str:
    """Name a model's inference profile, which most models are called by."""
    return f"{prefix}{model.id}"
