"""What already shows progress shows it here: other libraries' bars, callbacks, programs and polls as operations.

`capture` takes the libraries over and `release` gives them back; `run` reads a program's output, `poll` asks again and
again.

How an adapter is written
-------------------------
One file each, named as in ``pk.capture("name")`` and listed in `catalogue.USUAL`. It never imports its library when it
is imported itself. It has one table,

    TARGETS = {"library.module": change}

and for each module a function, or a class, ``change(patches, module)``. That is called once the module has been
imported: at once if it was before the capture, else right after its first import, however late that is. It reads
classes and functions from `module`, and changes them by `patches` alone:

- ``patches.around(owner, "method", replacement)`` for a function or method. The replacement is called as
  ``replacement(original, *args, **kwargs)``, and calls ``original(*args, **kwargs)`` itself, exactly once. After the
  release the original is called and nothing else, even where somebody else has changed the method since.
- ``patches.replace(owner, "name", value)`` for anything else.
- ``patches.on_release(call)`` for what has to be given back in another way, such as a registered callback.

What the original does, returns and raises, the replacement does, returns and raises. What goes wrong in our own part
is a warning in the log, once: do it by ``patches.guarded(function, *args)``, which returns None then. Methods that are
called for every item are not changed: the library counts as before, and is looked at ten times a second.

Progress comes from one of three:

- An object of the library that counts by itself: a `tracker.mirror.Mirror` of it. ``look(object) -> Seen`` reads its
  attributes without calling what may lock or draw; ``steps`` are its methods by which it counts, where a pause waits
  and a cancel is raised. ``patches.begin(object, look, name, unit, library=…, steps=…)`` makes one, and
  ``patches.end(object)``, in what the library calls when it ends, ends it by the exception that is on its way. In
  between `mirror_of(object)` is it. It is a nested counter where there is an operation around. If a loop goes through
  the object, let it go through ``mirror.steer(iterable)``, or `mirror.watch` where it stands, so that a `break` is
  told from an exception.
- A callback interface (fit began, epoch done, fit ended): a class `ProgressCallback` with the base `telling.Teller`,
  which users may give to the library themselves; the capture adds one to each call (`telling.call_with`), so that it
  hears of exceptions too. Where the library asks for a subclass of its own, `telling.subclass` makes it. Bars that the
  library draws of the same work are left out by `covering.cover`.
- An iterable that can be replaced by ``pk.track(iterable)``.

``patches.output`` says who draws: ``theirs`` (the library does as ever, `silent` operations) or ``ours`` (the library
does not write, as far as it lets itself be told, and operations are drawn like those of `track`). A disabled bar is no
operation. Two adapters may see the same work, such as a bar inside of a library with callbacks: the inner one is a
nested counter then, which is fine; the same bar twice is not.

Spawned and loky workers capture what their parent does (see `workers`), so an adapter needs nothing for that, except
that its library's bars in a worker are operations of the worker's.

Tests are in ``tests/adapters/test_<name>.py``, against the real library or, where that is too large for CI, what
stands in for it in ``tests/adapters/standins``: an operation and its end by each way (all
done, `break`, exception, closed early), nested, in a thread, cancelled; the output is unchanged; and `release` leaves
the very same attributes (the fixture `untouched` compares them).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from progress_kit.adapters.capturing import Capture, capture
    from progress_kit.adapters.polling import Poll, poll
    from progress_kit.adapters.program import run

__all__ = ["Capture", "Poll", "capture", "poll", "run"]

_HOMES = {"Capture": "capturing", "Poll": "polling", "capture": "capturing", "poll": "polling", "run": "program"}


def __getattr__(name: str) -> object:
    # A worker that captures needs none of it before a library with bars is imported.
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
