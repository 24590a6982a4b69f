"""From an approved tree to a published, installed package."""
