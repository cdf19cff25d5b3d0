"""Hold files to 400 lines and functions to 40. Usage: python tools/check_sizes.py [ROOT]

Applies to rung/; scripts in tools/ have 80 lines. A function's docstring does not count; functions
in rung/kernels/ may be as long as clarity needs. Exceptions stand in tools/size_exceptions.txt, one
a line: `path: reason` for a file, `path::function: reason` for a function. One that is no longer
needed is an error too.
"""

import ast
import sys
from pathlib import Path

FILE, FUNCTION, TOOL = 400, 40, 80


def exceptions(file: Path) -> tuple[set[str], list[str]]:
    """The excepted places, and what is wrong with the list itself."""
    places, bad = set(), []
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        place, _, reason = line.partition(": ")
        if not reason.strip():
            bad.append(f"{file.name}:{number}: write `path: reason`, found {line!r}")
        places.add(place.strip())
    return places, bad


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from `def` on, without its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def too_long(root: Path) -> dict[str, str]:
    """Place -> message, for every file and function beyond its limit."""
    found = {}
    for file in sorted([*(root / "rung").rglob("*.py"), *(root / "tools").glob("*.py")]):
        path = file.relative_to(root).as_posix()
        text = file.read_text("utf-8")
        limit = TOOL if path.startswith("tools/") else FILE
        if (lines := len(text.splitlines())) > limit:
            found[path] = f"{path}: {lines} lines, at most {limit}; split it"
        if path.startswith("rung/kernels/"):
            continue
        for node in ast.walk(ast.parse(text)):
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if function and (lines := length(node)) > FUNCTION:
                message = f"{path}:{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION}"
                found[f"{path}::{node.name}"] = message
    return found


def main(root: Path) -> int:
    places, bad = exceptions(root / "tools" / "size_exceptions.txt")
    found = too_long(root)
    bad += [message for place, message in found.items() if place not in places]
    bad += [f"size_exceptions.txt: {p}: not needed; remove it" for p in sorted(places - set(found))]
    print("\n".join(bad) if bad else "sizes: within limits")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])))
