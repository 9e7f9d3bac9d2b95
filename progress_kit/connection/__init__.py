"""Finding the hub and getting in: discovery, tokens, back-off. Used by publisher and client."""

from progress_kit.connection.backoff import Backoff
from progress_kit.connection.discovery import candidates, discover, servers
from progress_kit.connection.target import Target
from progress_kit.connection.tokens import AccessToken, access, grant

__all__ = ["AccessToken", "Backoff", "Target", "access", "candidates", "discover", "grant", "servers"]
