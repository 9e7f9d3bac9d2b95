"""The Python subscriber: what the hub knows, asked from any process of this user."""

from progress_kit.client.client import cancel, get, operations

__all__ = ["cancel", "get", "operations"]
