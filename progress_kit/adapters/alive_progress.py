"""alive-progress's bars as operations: `alive_bar` and `alive_it`, in all modes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

from progress_kit.adapters.patches import Patches
from progress_kit.tracker.early_exit import CallSite
from progress_kit.tracker.mirror import Mirror
from progress_kit.tracker.seen import Seen

_SITES: Final = "_progress_kit_sites"


def _change(patches: Patches, module: ModuleType) -> None:
    def alive_bar(original: Any, config: Any, total: int | None = None, **options: Any) -> Any:
        sites: list[CallSite] = []
        bar = shown(original, config, total, options, sites)
        vars(bar)[_SITES] = sites
        return bar

    @contextmanager
    def shown(
        original: Any, config: Any, total: int | None, options: dict[str, Any], sites: list[CallSite]
    ) -> Iterator[Any]:
        wanted = not config.disable
        if patches.output == "ours":
            config = config._replace(disable=True)
        with original(config, total, **options) as handle:
            mirror = patches.guarded(begin, handle, config, total) if wanted else None
            if mirror is not None and sites:
                mirror.watch(sites[-1])
            try:
                yield handle
            finally:
                if mirror is not None:
                    patches.guarded(mirror.close_here)

    def begin(handle: Any, config: Any, total: int | None) -> Mirror[Any]:
        texts = _Texts(handle)
        whole = total or (1.0 if config.manual else None)

        def look(handle: Any) -> Seen:
            return Seen(handle._current(), whole, texts.title, texts.text)  # noqa: SLF001 - `current` asks it too

        return patches.begin(handle, look, config.title, config.unit, library="alive_progress", steps=("_handle",))

    def iterate(original: Any, adapter: Any) -> Any:
        bar = vars(adapter).get("_inner_bar")
        if bar is not None:
            vars(bar).get(_SITES, []).append(CallSite.of(sys._getframe(2)))
        return original(adapter)

    patches.around(module, "__alive_bar", alive_bar)
    patches.around(vars(module)["__AliveBarIteratorAdapter"], "__iter__", iterate)


class _Texts:
    """Title and text of a bar, which it keeps to itself: what is set passes here."""

    def __init__(self, handle: Any) -> None:
        self.title = self.text = ""
        # Its properties look for them there.
        set_title, set_text = handle._title, handle._text  # noqa: SLF001 - as above

        def title(value: object = None) -> None:
            self.title = "" if value is None else str(value)
            set_title(value)

        def text(value: object = None) -> None:
            self.text = "" if value is None else str(value)
            set_text(value)

        handle._title, handle._text = title, text  # noqa: SLF001 - as above


TARGETS = {"alive_progress.core.progress": _change}
