"""Writes down the ends of this process for a hub that may not hear of them otherwise.

The process may be gone a moment after an operation has ended, without a word (SIGTERM, `os._exit`, a crash). So the
thread that ends an operation appends the end to a file, in one write, before it goes on; what the hub calls durable is
struck out. The hub takes in what a dead process left; where there is no hub, it is the history.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from progress_kit.model import Snapshot
from progress_kit.protocol.messages import StageRecord
from progress_kit.protocol.spool import HISTORY_BYTES, durable_line, end_line, file_name
from progress_kit.publisher.fitting import fit
from progress_kit.publisher.trouble import Trouble
from progress_kit.settings import Settings

End = tuple[Snapshot, tuple[StageRecord, ...]]

MAX_PENDING: Final = 1_000
STRUCK_BYTES: Final = 64 * 1024
"""A file with nothing but struck out lines is removed when it is larger, and when the process ends."""
LEFT_BYTES: Final = 4 * HISTORY_BYTES
"""What dead processes left is kept up to this size, the newest, where no hub takes it."""
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Spool:
    """The spool of this process, ``progress-kit-spool-<pid>.jsonl`` beside the connection files, mode 0600.

    There is no lock: the garbage collector may end an operation in any thread, in the middle of anything. What fails
    (a full disk, a directory that cannot be written) is one warning, and the operation goes on without.
    """

    def __init__(self, settings: Settings, session: str, trouble: Trouble) -> None:
        self._settings = settings
        self._session = session
        self._trouble = trouble
        self._path: Path | None = None
        self._named_hub: str | None = None
        self._pending: dict[str, End] = {}
        """The ends that are in the file and not struck out."""
        self._torn = False
        self._looked = False
        self.keeps = settings.history == "full"
        """Whether anything is written: not for somebody who does not want names kept, or nothing at all."""

    # -- called in the thread that ends an operation --------------------------------------------------------------

    def end(self, snapshot: Snapshot, stages: tuple[StageRecord, ...], hub_id: str | None) -> None:
        """Write down an end for the hub `hub_id`; None: the one that the environment names, or any."""
        if not self.keeps:
            return
        # First, so that who removes the file meanwhile sees that it was too early.
        self._pending[snapshot.id] = snapshot, stages
        with self._guarded():
            self._append(self._line(snapshot, stages, hub_id))
        while len(self._pending) > MAX_PENDING:
            self._pending.pop(next(iter(self._pending)), None)

    # -- called in the publisher's thread, and when the process ends ----------------------------------------------

    def durable(self, durable: Mapping[str, int]) -> None:
        """Strike out what the hub has stored."""
        struck = {key: seq for key, seq in durable.items() if self._pending.pop(key, None) is not None}
        if struck and self._path is not None:
            with self._guarded():
                self._append(durable_line(struck))

    def tidy(self, hub_id: str | None, *, last: bool = False) -> None:
        """Keep the file small; `last`: leave none behind with nothing in it that a hub would want."""
        path = self._path
        if path is None:
            return
        with self._guarded():
            if hub_id is None and not self._looked:
                self._looked = True
                remove_oldest(path.parent, keep=path)
            size = path.stat().st_size if path.exists() else 0
            if not self._pending and (last or size > STRUCK_BYTES):
                path.unlink(missing_ok=True)
                self._write_again(hub_id, {})
            elif size > HISTORY_BYTES:
                self._shorten(path, hub_id)

    # -- the file -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._trouble.warn("spool", "ends cannot be kept for a hub that is away: %s", error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the user's code goes on
            self._trouble.warn("spool", "an end cannot be kept for a hub that is away: %r", error)

    def _line(self, snapshot: Snapshot, stages: tuple[StageRecord, ...], hub_id: str | None) -> bytes:
        self._find()
        return end_line(hub_id or self._named_hub, self._session, fit(snapshot), stages)

    def _find(self) -> Path:
        """Return the path of the file: in the directory of the server that the environment names, or in Jupyter's."""
        if self._path is not None:
            return self._path
        named = self._settings.connection_file
        if named is not None and named.parent.is_dir():
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                self._named_hub = str(msgspec.json.decode(named.read_bytes())["hub_id"])
            directory = named.parent
        else:
            from jupyter_core.paths import jupyter_runtime_dir  # 20 ms, where a kernel's thread has not paid yet

            directory = Path(jupyter_runtime_dir())
        self._path = directory / file_name(os.getpid())
        return self._path

    def _append(self, line: bytes) -> None:
        path = self._find()
        try:
            descriptor = os.open(path, _FLAGS, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, _FLAGS, 0o600)
        try:
            data = b"\n" + line if self._torn else line
            written = os.write(descriptor, data)  # opened to append: other threads' lines are not torn
            self._torn = written < len(data)
            if self._torn:
                raise OSError(f"{path}: only {written} of {len(data)} bytes could be written")
        finally:
            os.close(descriptor)

    def _write_again(self, hub_id: str | None, written: Mapping[str, End]) -> None:
        """Write what came into the file while it was being replaced; to have it there twice does no harm."""
        for key, (snapshot, stages) in self._pending.copy().items():
            if key not in written:
                self._append(self._line(snapshot, stages, hub_id))

    def _shorten(self, path: Path, hub_id: str | None) -> None:
        """Keep the newest half."""
        before = self._pending.copy()
        lines = path.read_bytes()[-HISTORY_BYTES // 2 :].split(b"\n", 1)[-1]
        draft = path.with_suffix(".draft")
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        descriptor = os.open(draft, _FLAGS | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(lines)
        draft.replace(path)
        self._write_again(hub_id, before)


def remove_oldest(directory: Path, *, keep: Path, most: int = LEFT_BYTES) -> None:
    """Remove the oldest spools of dead processes in `directory` as long as all are larger than `most` bytes."""
    from progress_kit.connection.spools import left

    size = 0
    for spool in sorted(left(directory), key=lambda spool: spool.modified_ns, reverse=True):
        size += spool.size
        if size > most and spool.path != keep:
            spool.path.unlink(missing_ok=True)
