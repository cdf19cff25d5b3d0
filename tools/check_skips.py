"""Count skipped and expected-to-fail tests. Usage: python tools/check_skips.py [ROOT]

Every skip, skipif, xfail and importorskip in tests/ must give a reason and stand in
tools/skips.txt, one file a line: `path: count: reason`. Fewer than stated is an error too, so the
number can only be lowered on purpose.
"""

import ast
import sys
from pathlib import Path

MARKS = {"skip", "skipif", "xfail", "importorskip"}


def marks(tree: ast.AST) -> list[tuple[int, str, bool]]:
    """Line, name and whether a reason is given, for each skip or xfail in a test file."""
    calls = {id(n.func): n for n in ast.walk(tree) if isinstance(n, ast.Call)}
    found = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Attribute) and node.attr in MARKS):
            continue
        if ast.unparse(node.value) not in ("pytest", "pytest.mark", "mark"):
            continue
        call = calls.get(id(node))
        words = [k.value for k in call.keywords if k.arg == "reason"] if call else []
        words += call.args[:1] if call and node.attr in ("skip", "xfail") else []
        empty = [isinstance(w, ast.Constant) and not str(w.value).strip() for w in words]
        found.append((node.lineno, node.attr, bool(words) and not any(empty)))
    return found


def allowed(file: Path) -> tuple[dict[str, int], list[str]]:
    """Path -> count as committed, and what is wrong with the list."""
    counts, bad = {}, []
    for number, line in enumerate(file.read_text("utf-8").splitlines() if file.exists() else [], 1):
        if not line.strip() or line.startswith("#"):
            continue
        path, count, reason = (*line.split(": ", 2), "", "")[:3]
        if not count.strip().isdigit() or not reason.strip():
            bad.append(f"{file.name}:{number}: write `path: count: reason`, found {line!r}")
            continue
        counts[path.strip()] = int(count)
    return counts, bad


def main(root: Path) -> int:
    counts, bad = allowed(root / "tools" / "skips.txt")
    seen = {}
    for file in sorted((root / "tests").rglob("*.py")):
        path = file.relative_to(root).as_posix()
        found = marks(ast.parse(file.read_text("utf-8")))
        bad += [f"{path}:{line}: {name} without a reason" for line, name, why in found if not why]
        if found:
            seen[path] = len(found)
    for path in sorted(seen | counts):
        have, may = seen.get(path, 0), counts.get(path, 0)
        if have != may:
            bad.append(f"{path}: {have} skip or xfail marks, tools/skips.txt says {may}")
    print("\n".join(bad) if bad else f"skips: {sum(seen.values())}, all with a reason")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])))
