"""What every command shares: exit codes, errors in words, JSON, the progress bar."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..core.budget import Budget, Run
from ..core.errors import NotIdentified, Overlap, RungError
from ..core.result import late

ANSWER, INTERNAL, INPUT, UNIDENTIFIED, PARTIAL, INTERRUPTED = 0, 1, 2, 3, 4, 130
EXIT_CODES = (
    "Exit codes: 0 answer, 1 internal error, 2 wrong input, 3 not identified, "
    "4 partial answer (a time limit was reached), 130 interrupted."
)

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """A line on standard output; text from the data is never markup."""
    out.print(text, markup=False)


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn errors into one clear message and the right exit code."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except SystemExit:
            if out.quiet:  # rich does this where the reader of a pipe has left
                raise typer.Exit(ANSWER) from None
            raise
        except KeyboardInterrupt:
            fail("interrupted; nothing was written", INTERRUPTED)
        except (NotIdentified, Overlap) as error:
            fail(f"not identified: {in_options(str(error))}", UNIDENTIFIED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ANSWER) from None
        except RungError as error:
            fail(in_options(str(error)), INPUT)
        except OSError as error:
            fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), INPUT)
        except Exception as error:
            if os.environ.get("RUNG_DEBUG"):
                raise
            fail(
                f"internal error, please report it: {type(error).__name__}: {error} "
                "(RUNG_DEBUG=1 shows where)",
                INTERNAL,
            )

    return run


def in_options(message: str) -> str:
    """An error's advice with the options of the command line in place of Python's arguments."""

    def drop(found: re.Match[str]) -> str:
        names = re.sub(r"""(^|, )(['"])(.*?)\2(?=, |$| )""", r"\1\3", found[1])
        return f'--drop "{names.replace(", ", ",")}"'

    message = re.sub(r"data\.drop\(\[(.*?)\]\)", drop, message)
    return re.sub(r"\b(treated|control|scale)= ?", r"--\1 ", message)


def fail(message: str, code: int) -> None:
    """Say what went wrong and leave."""
    err.print(f"rung: {message}", markup=False, style="red" if err.is_terminal else None)
    raise typer.Exit(code)


def emit(content: Any) -> None:
    """JSON on standard output."""
    text = late("rung.report.export", "to_json")(content)
    json.loads(text)
    sys.stdout.write(text + "\n")


@contextmanager
def progress(seconds: float | None) -> Iterator[Run]:
    """A started budget with a bar and an ETA on a terminal, and silence in a pipe."""
    budget = Budget(seconds)
    if not err.is_terminal:
        yield budget.start()
        return
    columns = (
        TextColumn("{task.description:<22}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)

        def on_tick(done: float, what: str) -> None:
            bar.update(task, completed=done, description=what[:22] or None)

        yield budget.start(on_tick)
