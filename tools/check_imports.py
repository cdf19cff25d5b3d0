"""Hold the layers of rung: who may import whom. Usage: python tools/check_imports.py [ROOT]

Lowest layer first; families do not import each other, but all may use mechanisms. The one exception
is not seen here: `core/result.py` reaches report and io by name when called (importlib).
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

LAYERS = """core
graphs kernels io inference deep
mechanisms discovery effects experiments latent networks text simulate datasets
verbs pipeline
report federation cli app bench __main__"""
RANK = {part: i for i, line in enumerate(LAYERS.splitlines()) for part in line.split()}
ONLY = {"datasets": {"core", "io", "graphs"}}
IN_FUNCTIONS_OF_CORE = {"pandas", "threadpoolctl"}  # imported when called
TORCH = "deep/ latent/ networks/ text/ discovery/neural/ mechanisms/flow.py mechanisms/neural.py"


def imports(node: ast.AST, package: str, late: bool = False) -> Iterator[tuple[int, str, bool]]:
    """Every imported module below `node`: line, dotted name, whether it is imported late."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((child.lineno, alias.name, late) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            parts = package.split(".") if child.level else []
            above = parts[: len(parts) - child.level + 1]
            base = ".".join([*above, child.module] if child.module else above)
            yield from ((child.lineno, f"{base}.{alias.name}", late) for alias in child.names)
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from imports(child, package, late or function or typing)


def complaint(own: str, path: str, name: str, late: bool) -> str | None:
    """What is wrong with importing `name` in `path`, a file of part `own`; None if nothing."""
    top, _, rest = name.partition(".")
    if top == "torch" and not path.startswith(tuple(TORCH.split())):
        return "torch is imported only in " + TORCH
    if top != "rung":
        known = top == "numpy" or top in sys.stdlib_module_names
        if own != "core" or known or (late and top in IN_FUNCTIONS_OF_CORE):
            return None
        return "core imports numpy and the standard library only"
    part = rest.split(".")[0]
    if own in ("__init__", part) or part == "__version__":
        return None
    if part not in RANK:  # a name of the top level
        return None if RANK[own] == 4 else "that is the public surface; import the module itself"
    if own in ONLY and part not in ONLY[own]:
        return f"{own} uses only {', '.join(sorted(ONLY[own]))}"
    if RANK[part] > RANK[own]:
        return f"{part} lies above {own}"
    if RANK[own] == RANK[part] == 2 and part != "mechanisms":
        return f"families do not import each other; move what {own} and {part} share down"
    return None


def main(root: Path) -> int:
    bad = []
    for file in sorted((root / "rung").rglob("*.py")):
        path = file.relative_to(root / "rung").as_posix()
        own = path.split("/")[0].removesuffix(".py")
        if own != "__init__" and own not in RANK:
            bad.append(f"rung/{path}:1: {own!r} has no layer; add it to tools/check_imports.py")
            continue
        package = ".".join(file.relative_to(root).parent.parts)
        for line, name, late in imports(ast.parse(file.read_text("utf-8")), package):
            if why := complaint(own, path, name, late):
                bad.append(f"rung/{path}:{line}: imports {name}: {why}")
    print("\n".join(bad) if bad else "imports: layers hold")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])))
