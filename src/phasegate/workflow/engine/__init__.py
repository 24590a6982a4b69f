"""The engine: graph, nodes, segments, queue and worker."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.workflow.engine.graph import Node as Node
    from phasegate.workflow.engine.graph import Nodes as Nodes
    from phasegate.workflow.engine.graph import build_graph as build_graph
    from phasegate.workflow.engine.lease import Fence as Fence
    from phasegate.workflow.engine.lease import begin as begin
    from phasegate.workflow.engine.lease import read_leases as read_leases
    from phasegate.workflow.engine.lease import take_over as take_over
    from phasegate.workflow.engine.nodes import TeamNodes as TeamNodes
    from phasegate.workflow.engine.queue import Queue as Queue
    from phasegate.workflow.engine.segment import Segments as Segments
    from phasegate.workflow.engine.segment import segments as segments
    from phasegate.workflow.engine.worker import Worker as Worker


__getattr__ = lazily(__name__, __file__)
