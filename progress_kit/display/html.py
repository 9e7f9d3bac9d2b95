"""The last state as HTML, for views without the labextension.

JupyterLab strips `style`, `role` and `aria-*` from what it does not trust, so the visible text alone says everything.
Nothing of an operation is ever markup: every text is escaped.
"""

from html import escape
from typing import Final

from progress_kit.display.view import Segment, View
from progress_kit.model import Snapshot

_COLOURS: Final = {
    "running": "var(--jp-brand-color1,#1976d2)",
    "succeeded": "var(--jp-success-color1,#388e3c)",
    "failed": "var(--jp-error-color1,#d32f2f)",
    "stale": "var(--jp-warn-color1,#f57c00)",
}
_QUIET: Final = "var(--jp-layout-color3,#9e9e9e)"
_TRACK: Final = "rgba(128,128,128,.25)"
_ROOM_S: Final = (
    "font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);font-variant-numeric:tabular-nums;max-width:760px"
)


def html(snapshot: Snapshot) -> str:
    """Return a fragment with the name, the bar (one segment a stage) and the figures of `snapshot`."""
    view = View.of(snapshot)
    details = " · ".join(view.details)
    lines = (
        f"<div><b>{escape(view.title)}</b> {escape(view.summary)}</div>",
        "" if view.look == "succeeded" else _bar(view),
        f'<div style="opacity:.7;font-size:12px">{escape(details)}</div>' if details else "",
    )
    return f'<div style="{_ROOM_S}">{"".join(lines)}</div>'


def _bar(view: View) -> str:
    colour = _COLOURS.get(view.look, _QUIET)
    now = "" if view.fraction is None else f' aria-valuenow="{int(view.percent.removesuffix(" %"))}"'
    segments = view.segments or (Segment(name="", share=1.0, filled=view.fraction or 0.0, current=False),)
    parts = "".join(
        f'<div style="flex:{segment.share:.4f};min-width:3px;background:{_TRACK}">'
        f'<div style="width:{100 * segment.filled:.1f}%;height:100%;background:{colour}"></div></div>'
        for segment in segments
    )
    return (
        f'<div role="progressbar" aria-label="{escape(view.title)}" aria-valuemin="0" aria-valuemax="100"{now} '
        f'aria-valuetext="{escape(view.summary)}" '
        f'style="display:flex;gap:2px;height:8px;margin:4px 0;border-radius:4px;overflow:hidden">{parts}</div>'
    )
