"""The composition root: reads the configuration, builds the parts, hands them over."""
