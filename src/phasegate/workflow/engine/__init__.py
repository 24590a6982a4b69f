"""The engine: graph, nodes, segments, queue and worker."""
