"""Each script in tools/ passes a clean small tree and names the offence in a bad one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
SHORT = "def f():\n" + "    x = 1\n" * 39
LONG = "def f():\n" + "    x = 1\n" * 40
DOCUMENTED = 'def f():\n    """One.\n\n    Two.\n    """\n' + "    x = 1\n" * 39
SKIP = "import pytest\n\n@pytest.mark.skip(reason='{}')\ndef test_a(): ...\n"
XFAIL = "import pytest\n\n@pytest.mark.xfail\ndef test_a(): ...\n"


def check(tool: str, root: Path, files: dict[str, str]) -> tuple[int, str]:
    """Exit status and output of a tool on a tree made of `files`."""
    for path, text in {"rung/__init__.py": "", "tests/t.py": "", **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    command = [sys.executable, str(TOOLS / f"{tool}.py"), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("rung/core/graph.py", "import scipy\n", "core imports numpy and the standard library"),
        ("rung/core/graph.py", "import pandas\n", "core imports numpy and the standard library"),
        ("rung/core/graph.py", "from ..io import read\n", "io lies above core"),
        ("rung/core/graph.py", "def f():\n    from rung.io import read\n", "io lies above core"),
        ("rung/io/csv.py", "from rung.effects.ate import ATE\n", "effects lies above io"),
        ("rung/io/csv.py", "from rung import effects\n", "effects lies above io"),
        ("rung/io/csv.py", "from rung import Graph\n", "public surface"),
        ("rung/io/csv.py", "import rung\n", "public surface"),
        ("rung/effects/a.py", "from ..discovery.pc import PC\n", "families do not import each"),
        ("rung/mechanisms/a.py", "from ..effects import b\n", "families do not import each"),
        ("rung/verbs.py", "from .report import page\n", "report lies above verbs"),
        ("rung/effects/a.py", "import torch\n", "torch is imported only in"),
        ("rung/mechanisms/linear.py", "def f():\n    from torch import nn\n", "torch is imported"),
        ("rung/datasets/a.py", "from rung.mechanisms import linear\n", "datasets uses only"),
        ("rung/datasets/a.py", "from rung.kernels import k\n", "datasets uses only"),
        ("rung/extra/a.py", "", "has no layer"),
    ],
)
def test_imports_offence(tmp_path: Path, path: str, code: str, message: str) -> None:
    status, output = check("check_imports", tmp_path, {path: code})
    assert status == 1
    assert message in output
    assert path in output


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (
            "rung/core/graph.py",
            "from __future__ import annotations\nimport numpy as np\nimport json",
        ),
        ("rung/core/data.py", "def frame():\n    import pandas as pd\n"),
        (
            "rung/core/data.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas",
        ),
        ("rung/core/data.py", "from . import graph\nfrom .graph import Graph\n"),
        ("rung/effects/a.py", "from ..mechanisms.linear import Linear\nfrom ..graphs import x\n"),
        ("rung/mechanisms/flow.py", "import torch\n"),
        ("rung/discovery/neural/notears.py", "from torch import nn\n"),
        ("rung/cli.py", "import rung\nfrom rung import verbs\nfrom rung.report import page\n"),
        ("rung/__init__.py", "from .cli import main\n"),
    ],
)
def test_imports_allowed(tmp_path: Path, path: str, code: str) -> None:
    status, output = check("check_imports", tmp_path, {path: code})
    assert status == 0, output


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"rung/io/a.py": "x = 1\n" * 401}, "rung/io/a.py: 401 lines, at most 400"),
        ({"rung/io/a.py": LONG}, "rung/io/a.py:1: f has 41 lines, at most 40"),
        ({"rung/io/a.py": "class A:\n    " + LONG.replace("\n", "\n    ")}, "f has 41 lines"),
        ({"tools/a.py": "x = 1\n" * 81}, "tools/a.py: 81 lines, at most 80"),
        ({"tools/size_exceptions.txt": "rung/a.py: why\n"}, "rung/a.py: not needed"),
        ({"rung/a.py": LONG, "tools/size_exceptions.txt": "rung/a.py::f\n"}, "`path: reason`"),
    ],
)
def test_sizes_offence(tmp_path: Path, files: dict[str, str], message: str) -> None:
    status, output = check("check_sizes", tmp_path, files)
    assert status == 1
    assert message in output


@pytest.mark.parametrize(
    "files",
    [
        {"rung/io/a.py": "x = 1\n" * 400, "rung/io/b.py": SHORT},
        {"rung/io/a.py": DOCUMENTED},
        {"rung/kernels/a.py": LONG},
        {"rung/a.py": LONG, "tools/size_exceptions.txt": "# why\nrung/a.py::f: one table\n"},
    ],
)
def test_sizes_allowed(tmp_path: Path, files: dict[str, str]) -> None:
    status, output = check("check_sizes", tmp_path, files)
    assert status == 0, output


SURFACE = {
    "rung/__init__.py": "__all__ = ['Graph', 'read']\nGraph = read = 1\n",
    "rung/io/__init__.py": "__all__ = ['save']\nsave = 1\n",
}


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (None, "docs/reference.md is missing"),
        ("`Graph` `read(x)`", "rung.io.save is public but not in docs"),
        ("`Graph` `rung.io.save` and read", "rung.read is public but not in docs"),
        ("`Graph` `read` `save` `rung.io.load`", "names rung.io.load, which does not exist"),
    ],
)
def test_surface_offence(tmp_path: Path, page: str | None, message: str) -> None:
    pages = {} if page is None else {"docs/reference.md": page}
    status, output = check("check_surface", tmp_path, SURFACE | pages)
    assert status == 1
    assert message in output


def test_surface_empty(tmp_path: Path) -> None:
    status, output = check("check_surface", tmp_path, {"docs/reference.md": "nothing"})
    assert status == 1
    assert "rung.__all__ is empty" in output


def test_surface_documented(tmp_path: Path) -> None:
    pages = {
        "docs/reference.md": "`rung.Graph`, `read(path)`",
        "docs/reference/io.md": "`rung.io.save`",
    }
    status, output = check("check_surface", tmp_path, SURFACE | pages)
    assert status == 0, output


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"tests/a.py": SKIP.format("slow")}, "tests/a.py: 1 skip or xfail marks"),
        (
            {"tests/a.py": XFAIL, "tools/skips.txt": "tests/a.py: 1: bug\n"},
            "xfail without a reason",
        ),
        ({"tests/a.py": SKIP.format(" "), "tools/skips.txt": "tests/a.py: 1: x\n"}, "skip without"),
        (
            {"tests/a.py": "import pytest\npytest.importorskip('x')"},
            "importorskip without a reason",
        ),
        ({"tools/skips.txt": "tests/t.py: 1: why\n"}, "tools/skips.txt says 1"),
        ({"tools/skips.txt": "tests/t.py: 1\n"}, "`path: count: reason`"),
    ],
)
def test_skips_offence(tmp_path: Path, files: dict[str, str], message: str) -> None:
    status, output = check("check_skips", tmp_path, files)
    assert status == 1
    assert message in output


def test_skips_allowed(tmp_path: Path) -> None:
    listed = {"tests/a.py": SKIP.format("needs X"), "tools/skips.txt": "tests/a.py: 1: needs X\n"}
    status, output = check("check_skips", tmp_path, listed)
    assert status == 0, output
    assert "skips: 1" in output
