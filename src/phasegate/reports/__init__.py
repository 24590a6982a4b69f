"""Read models: each object that a face shows, typed once for terminal, REST and MCP."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.reports.artifacts import receipts as receipts
    from phasegate.reports.backlog import Backlog as Backlog
    from phasegate.reports.decisions import standing as standing
    from phasegate.reports.external_links import by_hand as by_hand
    from phasegate.reports.external_links import outside as outside
    from phasegate.reports.external_links import remarks as remarks
    from phasegate.reports.gate import GateView as GateView
    from phasegate.reports.gate import find_gate as find_gate
    from phasegate.reports.gate import view_gate as view_gate
    from phasegate.reports.gate_card import current as current
    from phasegate.reports.progress import PhaseProgress as PhaseProgress
    from phasegate.reports.progress import State as State
    from phasegate.reports.progress import Step as Step
    from phasegate.reports.recorded import recorded_costs as recorded_costs
    from phasegate.reports.run import whole_run as whole_run
    from phasegate.reports.spend import By as By
    from phasegate.reports.spend import Spend as Spend
    from phasegate.reports.spend import SpendReport as SpendReport
    from phasegate.reports.spend import spend_of as spend_of
    from phasegate.reports.spend import under_way as under_way
    from phasegate.reports.trust import open_desk as open_desk
    from phasegate.reports.verify import verify_run as verify_run
    from phasegate.reports.warnings import not_committed as not_committed
    from phasegate.reports.work import handed_in as handed_in


__getattr__ = lazily(__name__, __file__)
