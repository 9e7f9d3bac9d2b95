"""Breaks the rules on purpose, one at a time, and sees whether the state machine finds each break: `make mutants`.

Every break is a piece of code and what takes its place in a copy of the tree. It has to be found with each of three
seeds within the examples that `make test` runs; one that is missed, or whose code is no longer there, fails the run.

One line is not in the table, because no break of it can be seen: that a subscriber's session forgets an unfinished
answer when its line is cut. Whatever the hub says first on the next line either begins with `reset` or repeats every
change since the resume point, and so replaces all that was staged. It stays, so that the client need not trust in that.
"""

import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Final, NamedTuple

from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

ROOT: Final = Path(__file__).parents[2]
SEEDS: Final = ("1", "2", "3")
FOUND: Final = 3


class Break(NamedTuple):
    """A rule that is broken: in which file of `progress_kit`, what was there, and what is there instead."""

    rule: str
    file: str
    old: str
    new: str


BREAKS: Final = (
    Break(
        "a socket resumes only in the life of the hub in which it was",
        "hub/conversation.py",
        "resume.epoch == self._epoch and ",
        "",
    ),
    Break(
        "a poll resumes only in the life of the hub in which it was",
        "hub/manager.py",
        "resume.epoch == self.epoch and ",
        "",
    ),
    Break("an older snapshot changes nothing", "hub/publications.py", "snapshot.seq <= old.snapshot.seq", "False"),
    Break("an end is final", "hub/publications.py", "if old is not None and old.terminal:", "if False:"),
    Break(
        "an operation belongs to one session",
        "hub/publications.py",
        "if old is not None and (old.hub.owner != session.owner or old.session != session.id):",
        "if False:",
    ),
    Break(
        "only the commit of the end acknowledges it",
        "hub/manager.py",
        "or entry.snapshot.seq != seq or entry.hub.stored",
        "or entry.hub.stored",
    ),
    Break("nothing is durable while the store is not ok", "hub/manager.py", "if not self._store_ok or ", "if "),
    Break(
        "a store that heals gets what it missed", "hub/manager.py", "if healthy and not self._store_ok:", "if False:"
    ),
    Break(
        "a frame says all that changed",
        "hub/delivery.py",
        "            operations.append(item.encoded)\n        reached",
        "            operations.append(item.encoded)\n            operations[1:] = []\n        reached",
    ),
    Break(
        "an end is acknowledged after the commit",
        "hub/conversation.py",
        "                self._outbox.add(persist)",
        "                self._outbox.add(persist)\n                durable[entry.id] = entry.snapshot.seq",
    ),
    Break(
        "a lost acknowledgement is given again",
        "hub/conversation.py",
        "            self._acknowledge_all(peer.session, now)",
        "            pass",
    ),
    Break(
        "an end that is told again is acknowledged again",
        "hub/conversation.py",
        "                    durable[before.id] = before.snapshot.seq",
        "                    pass",
    ),
    Break("what was restored has a lease", "hub/publications.py", "session.open.add(snapshot.id)", "pass"),
    Break("what was restored is stale at first", "hub/publications.py", 'else "stale", stored', 'else "ok", stored'),
    Break("a sign of life renews the lease", "hub/publications.py", "        session.last_sign = now.monotonic\n", ""),
    Break(
        "a sign of life revives what was lost",
        "hub/publications.py",
        'self._registry.amend(entry, lease="ok")',
        "pass",
    ),
    Break(
        "a lost operation is shown for a while",
        "hub/publications.py",
        'lease="lost", changed=now.monotonic',
        'lease="lost"',
    ),
    Break("a removal is told", "hub/delivery.py", "                removed.append(operation)", "                pass"),
    Break(
        "what leaves while a view is built is told",
        "hub/delivery.py",
        "            if item.revision > horizon:",
        "            if since >= horizon:",
    ),
    Break(
        "a view that is built from nothing comes to its end",
        "hub/peers.py",
        "return max(self.revision, self.begun)",
        "return self.revision",
    ),
    Break(
        "a poll that cannot go on has everything",
        "hub/manager.py",
        "if piece.more and not self._registry.covers(piece.revision):",
        "if False:",
    ),
    Break(
        "an end that is not stored stays",
        "hub/publications.py",
        "if entry.hub.stored or not entry.terminal:",
        "if True:",
    ),
    Break(
        "who missed a removal starts over",
        "hub/registry.py",
        "            self.floor = oldest.revision\n",
        "",
    ),
    Break("what no longer matches leaves the view", "hub/delivery.py", "_leaves(claims, wanted, item):", "None:"),
    Break(
        "an end that the hub did not hear is told again",
        "publisher/session.py",
        "dict.fromkeys([*self._ended, *newer])",
        "dict.fromkeys(newer)",
    ),
    Break(
        "a state that the hub did not hear is told again",
        "publisher/session.py",
        "snapshot.seq > self._sent.get(op, -1)",
        "False",
    ),
    Break(
        "a heartbeat is sent in time",
        "publisher/session.py",
        "now - self._last_sign < ",
        "now - self._last_sign < 4 * ",
    ),
    Break(
        "a reset empties the view",
        "client/session.py",
        "view = {} if self._reset else dict(self.view)",
        "view = dict(self.view)",
    ),
    Break("a view is swapped whole", "client/session.py", "        if state.more:\n", "        if False:\n"),
    Break("what was removed leaves the view", "client/session.py", "view.pop(operation, None)", "pass"),
)


def main() -> int:
    """Break each rule in a copy of the tree; return 1 if a break was missed."""
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name)
        for part in ("progress_kit", "tests/hub"):
            shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        if any(_found(tree, number) for number in SEEDS):
            print("The machine fails before anything is broken: run it by pytest")  # noqa: T201 - as below
            return 1
        for each in BREAKS:
            results = _try(tree, each)
            missed += not all(results)
            verdict = "found " if all(results) else f"MISSED {results.count(False)}/{len(results)}"
            print(f"{verdict}\t{each.rule}\t{each.file}", flush=True)  # noqa: T201 - a report to a terminal
    return 1 if missed else 0


def _try(tree: Path, broken: Break) -> list[bool]:
    """Return for each seed whether the machine finds the break."""
    path = tree / "progress_kit" / broken.file
    source = path.read_text()
    if source.count(broken.old) == 0:
        return [False]
    path.write_text(source.replace(broken.old, broken.new, 1))
    try:
        return [_found(tree, number) for number in SEEDS]
    finally:
        path.write_text(source)


def _found(tree: Path, number: str) -> bool:
    hunt = [sys.executable, "-B", "-m", "tests.hub.breaks", number]
    done = subprocess.run(hunt, cwd=tree, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode not in {0, FOUND}:
        raise RuntimeError(done.stderr)
    return done.returncode == FOUND


def hunt(number: int) -> int:
    """Run the machine once, as the tests do but without looking for a small example."""
    from tests.hub.test_machine import Hub

    try:
        run_state_machine_as_test(
            seed(number)(Hub), settings=settings(Hub.TestCase.settings, phases=[Phase.generate], database=None)
        )
    except BaseException:  # noqa: BLE001 - whatever the machine says, it found something
        traceback.print_exc()
        return FOUND
    return 0


if __name__ == "__main__":
    sys.exit(hunt(int(sys.argv[1])) if sys.argv[1:] else main())
