"""What to do about an error that a command met: a second line for the person in front of it."""

from progress_kit import settings
from progress_kit.errors import HubRefusedError, HubUnreachableError, OperationNotFoundError


def hint(error: Exception) -> str | None:
    """Return what to do about `error`; None where its own words say it."""
    now = settings.read()
    if isinstance(error, OperationNotFoundError):
        return (
            "`progress-kit list` has the ids of what runs or has just ended, `progress-kit history` of what has ended"
        )
    if not now.hub_url:
        return None
    if isinstance(error, HubUnreachableError):
        return f"PROGRESS_KIT_HUB_URL is {now.hub_url}; it should read like http://host:8888/progress-kit/"
    if isinstance(error, HubRefusedError) and error.code in {"unauthenticated", "forbidden"}:
        return (
            "the token is that of PROGRESS_KIT_TOKEN: it may have expired, or have another scope; where the server "
            "runs, `progress-kit token --scope subscribe --scope command` makes a new one"
        )
    return None
