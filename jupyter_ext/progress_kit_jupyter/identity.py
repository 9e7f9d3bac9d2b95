"""Who this hub is: its signing key, its id, and the lock that says that it lives."""

import hashlib
import hmac
import logging
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import Final

from progress_kit.hub.tokens import KEY_BYTES

KEY_FILE: Final = "progress-kit-key"
_MAX_SERVERS: Final = 1_000
_MAX_KEY_BYTES: Final = 4_096
# Of 32 random bytes fewer are different once in 10¹⁹ times; a file full of zeros after a power failure has one.
_DISTINCT_BYTES: Final = 12

log: Final = logging.getLogger("progress_kit")


def signing_key(runtime_dir: Path) -> bytes:
    """Return the key in `runtime_dir`, made once, so that tokens outlive a restart; raises `OSError`.

    A key that is too short or not random (a crash while it was written), that everybody could read or write, or that
    somebody else has put there is not believed: a new one takes its place, and all tokens are void. One that was open
    to the group, as volumes of Kubernetes are by `fsGroup`, is closed and stays.
    """
    path = runtime_dir / KEY_FILE
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        write_private(path, secrets.token_bytes(2 * KEY_BYTES), replace=False)
        return path.read_bytes()  # another server may have been faster: what is in the file counts
    except OSError as error:
        return _new_key(path, f"it cannot be read ({error.strerror})")
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        key = file.read(_MAX_KEY_BYTES) if stat.S_ISREG(status.st_mode) else b""
    if len(key) < KEY_BYTES or len(set(key)) < _DISTINCT_BYTES:
        return _new_key(path, f"it holds no random key of at least {KEY_BYTES} bytes")
    if sys.platform != "win32":
        if status.st_uid != os.geteuid():
            return _new_key(path, "it belongs to another user")
        if status.st_mode & 0o007:
            return _new_key(path, f"everybody could reach it (mode {stat.S_IMODE(status.st_mode):o})")
        if status.st_mode & 0o070:
            path.chmod(0o600)
    return key


def _new_key(path: Path, reason: str) -> bytes:
    log.warning("%s is replaced: %s. All earlier tokens and share links are void", path, reason)
    key = secrets.token_bytes(2 * KEY_BYTES)
    write_private(path, key)
    return key


def write_private(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file of mode 0600 that is there whole or not at all; without `replace` an existing one stays.

    Raises `OSError`.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if replace:
            draft.replace(path)
        else:
            try:
                path.hardlink_to(draft)
            except FileExistsError:
                pass
            except OSError:  # a file system without hard links
                draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def hub_id_of(root_dir: Path, key: bytes) -> str:
    """Return the id of the hub that serves `root_dir`: the same after each restart, different for every user."""
    digest = hmac.digest(key, b"hub of " + os.fsencode(root_dir.resolve()), hashlib.sha256)
    return f"h_{digest.hex()[:24]}"


class HubLock:
    """Holds the id of a hub for as long as this process lives; a second server of one directory gets ``<id>.2``.

    `hub_id` is the id that was got. The operating system lets go of the lock when the process dies, however it dies.
    """

    def __init__(self, runtime_dir: Path, hub_id: str) -> None:
        """Take the first id that is free; raises `OSError` where no lock file can be made."""
        for number in range(1, _MAX_SERVERS):
            self.hub_id = hub_id if number == 1 else f"{hub_id}.{number}"
            descriptor = os.open(runtime_dir / f"progress-kit-{self.hub_id}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            if _lock(descriptor):
                break
            os.close(descriptor)
        else:
            raise OSError(f"{_MAX_SERVERS} servers of one directory are running")
        self._descriptor: int | None = descriptor
        os.truncate(descriptor, 0)
        os.write(descriptor, b"%d\n" % os.getpid())

    def release(self) -> None:
        """Give the id back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
