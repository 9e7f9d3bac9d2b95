"""One line of text for where nothing else can be shown: the saved notebook read as text, a list in a shell."""

from progress_kit.display.view import View
from progress_kit.model import Snapshot


def plain(snapshot: Snapshot) -> str:
    """Return ``Customize résumé: 43 %``; an ended operation also says how it ended and how long it took."""
    view = View.of(snapshot)
    if view.look == "running":
        return f"{view.title}: {view.percent or view.counter or view.state}"
    parts = (view.summary, view.counter if view.look == "succeeded" else "", view.tasks)
    return f"{view.title}: {', '.join(part for part in parts if part)}"
