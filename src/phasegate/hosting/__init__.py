"""The engine and its workers, hosted in a process."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.hosting.engine import open_engine as open_engine
    from phasegate.hosting.inventory_count import InventoryCounter as InventoryCounter
    from phasegate.hosting.worker import worker_of as worker_of


__getattr__ = lazily(__name__, __file__)
