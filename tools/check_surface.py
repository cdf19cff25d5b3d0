"""Hold the public surface to the docs. Usage: python tools/check_surface.py [ROOT]

Every name in `rung.__all__` and in the `__all__` of each package rung.<part> must stand in
backticks in docs/reference.md or docs/reference/*.md, alone or after `rung.`; and every `rung.x.y`
that those pages name must exist.
"""

import importlib
import re
import sys
from pathlib import Path


def surface(root: Path) -> dict[str, list[str]]:
    """Module -> its public names."""
    parts = sorted(p.parent.name for p in (root / "rung").glob("*/__init__.py"))
    names = {}
    for module in ["rung", *(f"rung.{part}" for part in parts)]:
        names[module] = sorted(getattr(importlib.import_module(module), "__all__", []))
    return names


def exists(dotted: str) -> bool:
    """Whether a dotted name below rung can be reached by imports and attributes."""
    steps = dotted.split(".")
    here = importlib.import_module(steps[0])
    for i, step in enumerate(steps[1:], 2):
        try:
            here = getattr(here, step)
        except AttributeError:
            try:
                here = importlib.import_module(".".join(steps[:i]))
            except ImportError:
                return False
    return True


def main(root: Path) -> int:
    sys.path.insert(0, str(root))
    folder = root / "docs"
    pages = [p for p in [folder / "reference.md", *folder.glob("reference/*.md")] if p.exists()]
    if not pages:
        print("docs/reference.md is missing: write one entry for each public name")
        return 1
    text = "\n".join(page.read_text("utf-8") for page in pages)
    named = set(re.findall(r"`(?:rung\.(?:\w+\.)*)?(\w+)", text))
    bad = []
    for module, names in surface(root).items():
        if module == "rung" and not names:
            bad.append("rung.__all__ is empty: there is no public surface to document")
        missing = [name for name in names if name not in named]
        bad += [f"{module}.{name} is public but not in docs/reference.md" for name in missing]
    dead = sorted({d for d in re.findall(r"`(rung(?:\.\w+)+)", text) if not exists(d)})
    bad += [f"docs/reference.md names {d}, which does not exist" for d in dead]
    print("\n".join(bad) if bad else "surface: documented")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])))
