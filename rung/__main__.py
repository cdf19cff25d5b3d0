"""`python -m rung`, and the entry point of the `rung` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is still being loaded ends it quietly too."""
    try:
        from .cli import main as run
    except KeyboardInterrupt:
        sys.stderr.write("rung: interrupted\n")
        raise SystemExit(130) from None
    run()


if __name__ == "__main__":
    main()
