"""A workflow as a picture, in Mermaid's language, drawn from the same data that runs."""

from collections.abc import Iterator

from phasegate.team import Flow, Phase


def picture(flow: Flow) -> str:
    """The phases with authors, reviewers, checks and gates, as a Mermaid flowchart."""
    return "\n".join(_lines(flow)) + "\n"


def _lines(flow: Flow) -> Iterator[str]:
    yield "flowchart LR"
    yield f"  spec([spec.md + runbook.yaml]) --> {_id(flow.phases[0], 'draft')}"
    for phase, following in zip(flow.phases, [*flow.phases[1:], None], strict=True):
        yield from _phase(phase)
        yield f"  {_id(phase, 'gate')} -- request changes --> {_id(phase, 'draft')}"
        yield f"  {_id(phase, 'gate')} -- approve --> {_id(following, 'draft') if following else 'released'}"
    last = flow.phases[-1]
    yield f"  released([{', '.join(last.effects) or 'released'}])"


def _phase(phase: Phase) -> Iterator[str]:
    authors = "<br>".join(dict.fromkeys(author.role for author in phase.authors))
    yield f'  subgraph {phase.id}["{phase.title}"]'
    yield f'    {_id(phase, "draft")}["{authors}"]'
    judges = [("checks", "<br>".join(phase.checks)), *((r.role, r.role) for r in phase.reviews)]
    for name, label in judges:
        if label:
            yield f'    {_id(phase, "draft")} --> {_id(phase, name)}["{label}"] --> {_id(phase, "gate")}'
    yield f'    {_id(phase, "gate")}{{"{phase.gate.name}"}}'
    yield "  end"


def _id(phase: Phase, part: str) -> str:
    return f"{phase.id}_{part}".replace("-", "_")
