"""Save and load: one zip of JSON and npy arrays, never a pickle, written aside and renamed."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import logging
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.discovery import Discovery
from ..core.errors import FileProblem, InputError
from .encoding import Decoder, Encoder, is_ours

logger = logging.getLogger(__name__)

FORMAT = 1
_HEAD = "rung.json"


def save(obj: Any, path: str | os.PathLike[str]) -> Path:
    """Write Data, a Graph, a Discovery, a fitted model, an Estimate or any other result.

    Parameters
    ----------
    obj : frozen dataclass of rung, or a list, tuple or mapping of such
    path : path
        Written aside first and then renamed, so that an old file is kept until the new one is
        whole.

    Raises
    ------
    NotSupported
        If it holds what cannot be written without a pickle: a function, an object of a class from
        outside rung.
    FileProblem
        If the place cannot be written or the disk is full; an old file is left as it was.
    """
    path = Path(path).expanduser()
    encoder = Encoder()
    value = encoder.encode(_without_foreign_learner(obj), type(obj).__name__)
    head = {"format": FORMAT, "rung": _version(), "class": type(obj).__name__, "value": value}
    text = json.dumps(head, ensure_ascii=False, allow_nan=False)
    if path.is_dir():
        raise FileProblem(f"{path} is a directory; name a file to write")
    if not path.parent.is_dir():
        raise FileProblem(f"there is no directory {path.parent}; make it first")
    try:
        _write_aside(path, text, encoder.arrays)
    except OSError as error:
        raise FileProblem(_why(path, error, encoder)) from error
    return path


def load(path: str | os.PathLike[str]) -> Any:
    """Read back what `save` wrote.

    Raises
    ------
    FileProblem
        If the file is missing, damaged, not written by `save`, of a newer format, or names a class
        that this version of rung does not have.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileProblem(f"there is no file {str(path)!r}; save a result with .save(path) first")
    try:
        with zipfile.ZipFile(path) as file:
            if _HEAD not in file.namelist():
                raise FileProblem(f"{path} is a zip file but was not written by rung's save")
            head = json.loads(file.read(_HEAD))
            _check(path, head)
            arrays = [_array(file, i) for i in range(_count(file))]
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        if isinstance(error, FileProblem):
            raise
        raise FileProblem(
            f"{path} is damaged, truncated or was not written by rung's save ({error}); save it "
            "again"
        ) from error
    except OSError as error:
        if isinstance(error, FileProblem):
            raise
        raise FileProblem(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return Decoder(arrays).decode(head["value"])
    except FileProblem as error:
        raise FileProblem(f"{path}: {error}") from error
    except (KeyError, TypeError, IndexError, AttributeError, InputError) as error:
        raise FileProblem(
            f"{path} does not fit this version of rung (written by {head.get('rung')}): {error}"
        ) from error


def _check(path: Path, head: Any) -> None:
    if not isinstance(head, dict) or "format" not in head or "value" not in head:
        raise FileProblem(f"{path} was not written by rung's save")
    if head["format"] != FORMAT:
        raise FileProblem(
            f"{path} has format {head['format']} (written by rung {head.get('rung')}); this "
            f"version reads format {FORMAT}: update rung, or save the result again"
        )


def _write_aside(path: Path, text: str, arrays: list[NDArray[Any]]) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as raw:
            _write(raw, text, arrays)
            raw.flush()
            os.fsync(raw.fileno())
        os.chmod(name, _mode(path))
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _mode(path: Path) -> int:
    """Permissions of the file that is replaced, or those that a new file would get."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _write(raw: Any, text: str, arrays: list[NDArray[Any]]) -> None:
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED, allowZip64=True) as file:
        file.writestr(_HEAD, text, compress_type=zipfile.ZIP_DEFLATED)
        for i, array in enumerate(arrays):
            small = array.nbytes < 2**20
            info = zipfile.ZipInfo(f"{i}.npy")
            info.compress_type = zipfile.ZIP_DEFLATED if small else zipfile.ZIP_STORED
            with file.open(info, "w", force_zip64=array.nbytes >= 2**31) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _count(file: zipfile.ZipFile) -> int:
    return sum(name.endswith(".npy") for name in file.namelist())


def _array(file: zipfile.ZipFile, i: int) -> NDArray[Any]:
    try:
        content = file.read(f"{i}.npy")
    except KeyError:
        raise ValueError(f"array {i} is missing") from None
    return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)


def _why(path: Path, error: OSError, encoder: Encoder) -> str:
    size = sum(a.nbytes for a in encoder.arrays) / 2**20
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"the disk of {path} is full: about {size:.1f} MiB are needed. "
            + ("The old file is untouched; f" if path.exists() else "Nothing was written; f")
            + "ree space or save elsewhere"
        )
    return f"{path} cannot be written: {error.strerror or error}; choose another place"


def _without_foreign_learner(obj: Any) -> Any:
    """A Discovery by a learner from outside rung is saved without it, and says so."""
    if not isinstance(obj, Discovery) or obj.learner is None or is_ours(type(obj.learner)):
        return obj
    name = type(obj.learner).__qualname__
    logger.warning("the learner %s is not part of rung and is not saved", name)
    note = f"the learner {name} is not part of rung and was not saved with the result"
    return obj.replacing(learner=None, notes=(*obj.notes, note))


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("rung")
    except PackageNotFoundError:
        return "unknown"
