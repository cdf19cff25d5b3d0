"""Writing files whole or not at all, with errors that say what to do."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from rung.core.errors import FileProblem

_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another folder",
    errno.EACCES: "you may not write there; choose another folder",
    errno.EPERM: "you may not write there; choose another folder",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.ENOENT: "the folder does not exist; create it or choose another one",
    errno.ENOTDIR: "part of the path is a file, not a folder; choose another path",
    errno.EISDIR: "that is a folder; give the name of a file",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def problem(path: str | Path, error: OSError) -> FileProblem:
    """The error for a path that cannot be written, with advice."""
    advice = _ADVICE.get(error.errno or 0, f"{error.strerror or error}; choose another path")
    return FileProblem(f"cannot write {str(path)!r}: {advice}")


def write_text(path: str | Path, content: str) -> Path:
    """Write UTF-8 text as `write_bytes` writes."""
    return write_bytes(path, content.encode("utf-8", "replace"))


def write_bytes(path: str | Path, content: bytes) -> Path:
    """Write a file beside `path` and rename it, so that no half-written file remains.

    Raises
    ------
    FileProblem
        The disk is full, the folder is absent or may not be written to ...
    """
    target = Path(path)
    name = None
    try:
        if target.exists() and not target.is_file():  # a device or pipe cannot be renamed onto
            with open(target, "wb") as file:
                file.write(content)
            return target
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".rung-", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, target)
    except OSError as error:
        if name is not None:
            Path(name).unlink(missing_ok=True)
        raise problem(path, error) from error
    return target


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def make_folder(path: str | Path) -> Path:
    """The folder, created if absent; FileProblem if that fails."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise problem(path, error) from error
    return folder
