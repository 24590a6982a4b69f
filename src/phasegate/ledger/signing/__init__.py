"""Keys, signed statements, bundles and their proof."""
