"""AWS as an agent may see it: inventory, cost, metrics, tags and IAM, read only."""
