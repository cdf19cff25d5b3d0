"""The parts of a federation as processes: their commands, and all of them on this machine."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.discovery import Discovery
from ..core.errors import FileProblem, InputError, RungError
from ..io.store import load
from .settings import Settings, need_flower

LOOPBACK = "127.0.0.1"
QUIET = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"}
TASKS = {"FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.1"}  # seconds; Flower's default is 1
PATIENCE = 60.0  # seconds for a process to be up
APP = """[project]
name = "rung-federation"
version = "0.1.0"
license = "Apache-2.0"
dependencies = ["rung"]

[tool.flwr.app]
publisher = "rung"

[tool.flwr.app.components]
serverapp = "rung_coordinator:app"
clientapp = "rung_site:app"

[tool.flwr.app.config]
output = {output}
settings = {settings}
"""
CODE = {  # what they do is in the package that every part has installed
    "rung_coordinator.py": "from rung.federation.server import server_app\n\napp = server_app()\n",
    "rung_site.py": "from rung.federation.client import client_app\n\napp = client_app()\n",
}
LINK = '[superlink]\ndefault = "rung"\n\n[superlink.rung]\naddress = {address}\ninsecure = true\n'


@dataclass(frozen=True)
class Part:
    """One process: what it is, its command, and the environment variables that it needs."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """The command as a shell takes it."""
        sets = [f"{key}={shlex.quote(value)}" for key, value in self.env.items()]
        return " ".join([*sets, shlex.join(self.command)])


@dataclass(frozen=True)
class Federation:
    """A coordinator and one site for each file.

    Parameters
    ----------
    files : sequence of path
        A data file for each site.
    settings : Settings
        `sites` must be the number of files.
    folder : path
        Where the app, the logs, the transcript and the result are written.
    port : int
        Of the coordinator; 0 takes a free one.

    Raises
    ------
    FileProblem
        If a data file does not exist.
    InputError
        If the numbers of files and sites differ, or a path holds a quotation mark.
    """

    files: Sequence[str | Path]
    settings: Settings
    folder: str | Path = "federation"
    port: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", tuple(Path(f).expanduser().resolve() for f in self.files))
        object.__setattr__(self, "folder", Path(self.folder).expanduser().resolve())
        if len(self.files) != self.settings.sites:
            raise InputError(f"{len(self.files)} files for {self.settings.sites} sites")
        for file in self.files:
            if not Path(file).is_file():
                raise FileProblem(f"there is no data file {str(file)!r}")
            if set(str(file)) & set("\"'"):
                raise InputError(f"Flower cannot take the path {str(file)!r}: rename it")
        if self.port:
            _check_free(self.port)

    def write(self) -> list[Part]:
        """Write the app and its settings; the processes in the order of their start.

        The last one starts the run and ends with it; the others go on until they are stopped.
        """
        self.settings.method()  # an unknown name is an error here, not at the coordinator
        folder = Path(self.folder)
        ports = _free_ports(len(self.files) + 1)
        address = f"{LOOPBACK}:{self.port or ports[-1]}"
        app, home = folder / "app", folder / "flower"
        app.mkdir(parents=True, exist_ok=True)
        texts = {"output": _toml(str(folder)), "settings": _toml(self.settings.text())}
        (app / "pyproject.toml").write_text(APP.format(**texts), "utf-8")
        for name, text in CODE.items():
            (app / name).write_text(text, "utf-8")
        (home / "run").mkdir(parents=True, exist_ok=True)
        (home / "run" / "config.toml").write_text(LINK.format(address=_toml(address)), "utf-8")
        host, port = address.split(":")
        link = Part("coordinator", (
            _tool("flower-superlink"), "--insecure", "--host", host, "--port", port,
            "--disable-runtime-dependency-installation",
        ), self._env("coordinator"))  # fmt: skip
        nodes = [
            Part(f"site-{i}", (
                _tool("flower-supernode"), "--insecure", "--superlink", address,
                "--host", LOOPBACK, "--port", str(own),
                "--node-config", f'data="{file}" site="site-{i}"',
            ), self._env(f"site-{i}"))
            for i, (file, own) in enumerate(zip(self.files, ports), 1)
        ]  # fmt: skip
        run = Part("run", (_tool("flwr"), "run", str(app), "rung", "--stream"), self._env("run"))
        return [link, *nodes, run]

    def _env(self, name: str) -> dict[str, str]:
        return {**QUIET, **TASKS, "FLWR_HOME": str(Path(self.folder) / "flower" / name)}

    def run(
        self,
        seconds: float | None = None,
        on_round: Callable[[Mapping[str, subprocess.Popen[bytes]]], None] | None = None,
    ) -> Discovery:
        """Start every part on this machine, wait for the result, stop them all.

        Parameters
        ----------
        seconds : float, optional
            Time limit for the whole of it.
        on_round : callable, optional
            Called a few times a second with the processes by name, while the run goes on.

        Raises
        ------
        MissingExtra
            Without Flower.
        InputError
            What the coordinator found wrong, naming sites and columns.
        RungError
            If a process ends by itself; the message names its log.
        """
        need_flower()
        folder = Path(self.folder)
        link, *nodes, run = self.write()
        (folder / "result.json").unlink(missing_ok=True)
        with _started(folder / "logs") as start:
            processes = {link.name: start(link)}
            _await_port(link, processes[link.name], folder)
            processes |= {node.name: start(node) for node in nodes}
            processes[run.name] = start(run)
            self._wait(processes, seconds, on_round)
        content = json.loads((folder / "result.json").read_text("utf-8"))
        if "error" in content:
            raise InputError(content["error"])
        found: Discovery = load(folder / "graph.rung")
        return found

    def _wait(
        self,
        processes: Mapping[str, subprocess.Popen[bytes]],
        seconds: float | None,
        on_round: Callable[[Mapping[str, subprocess.Popen[bytes]]], None] | None,
    ) -> None:
        """Return when the result is there; a site that dies is what the exchange must bear."""
        folder = Path(self.folder)
        end = None if seconds is None else time.monotonic() + seconds
        while not (folder / "result.json").exists():
            for name in ("coordinator", "run"):
                ended = processes[name].poll() is not None
                if ended and not (folder / "result.json").exists():
                    raise RungError(_ended(name, folder))
            if end is not None and time.monotonic() > end:
                raise RungError(f"no result within {seconds:g} s; see {folder / 'logs'}")
            if on_round is not None:
                on_round(processes)
            time.sleep(0.1)


def _ended(name: str, folder: Path) -> str:
    log = folder / "logs" / f"{name}.log"
    last = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()][-3:]
    return f"the {name} process ended early; its log {log} ends: {' | '.join(last) or 'empty'}"


def _await_port(part: Part, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until the coordinator takes connections."""
    port = int(part.command[part.command.index("--port") + 1])
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RungError(_ended(part.name, folder))
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.1)
    raise RungError(f"the coordinator is not up after {PATIENCE:g} s; see {folder / 'logs'}")


@contextmanager
def _started(logs: Path) -> Iterator[Callable[[Part], subprocess.Popen[bytes]]]:
    """A starter of processes, all of which are stopped at the end, whatever ends it."""
    logs.mkdir(parents=True, exist_ok=True)
    running: list[subprocess.Popen[bytes]] = []

    def start(part: Part) -> subprocess.Popen[bytes]:
        here = str(Path(sys.executable).parent)
        env = {**os.environ, **part.env, "PATH": here + os.pathsep + os.environ.get("PATH", "")}
        with (logs / f"{part.name}.log").open("wb") as log:
            running.append(subprocess.Popen(
                part.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=env, start_new_session=True,
            ))  # fmt: skip
        return running[-1]

    with _signals():
        try:
            yield start
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C leaves no orphan
            stop(running)


@contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end the work as Ctrl-C does; as before at the end."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [s for s in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, s)]
    before = {s: signal.getsignal(getattr(signal, s)) for s in names}
    for name in names[1:]:
        signal.signal(getattr(signal, name), interrupt)
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def stop(processes: Sequence[subprocess.Popen[bytes]], grace: float = 5.0) -> None:
    """End processes and what they have started: asked first, then killed."""
    begun = _descendants([process.pid for process in processes])
    for sign in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + grace
        for process in processes:
            if process.poll() is None or sign is signal.SIGKILL:
                _signal(process.pid, sign)
        for process in processes:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
    # Flower's helpers, of sessions of their own, watch their parent and end with it
    end = time.monotonic() + grace
    while (left := begun & set(_parents())) and time.monotonic() < end:
        time.sleep(0.1)
    for pid in left:
        _signal(pid, signal.SIGKILL, os.kill)


def _parents() -> dict[int, int]:
    """The parent of every process of this machine that is not already dead."""
    table = subprocess.run(("ps", "-eo", "pid=,ppid=,stat="), capture_output=True, text=True)
    rows = [line.split() for line in table.stdout.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in rows if state[0] != "Z"}


def _descendants(pids: Sequence[int]) -> set[int]:
    """What these processes have started, and what that has started."""
    parents, found = _parents(), set(pids)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - set(pids)


def _signal(pid: int, sign: signal.Signals, how: Callable[[int, int], None] = os.killpg) -> None:
    try:
        how(pid, sign)
    except (ProcessLookupError, PermissionError):
        return


def _tool(name: str) -> str:
    """A program of Flower, beside this Python if it is there."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name


def _toml(text: str) -> str:
    """A basic string of TOML: JSON's escapes are among its own."""
    return json.dumps(text)


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _check_free(port: int) -> None:
    with socket.socket() as one:
        try:
            one.bind((LOOPBACK, port))
        except OSError as error:
            raise InputError(
                f"port {port} cannot be used: {error.strerror}. Leave --port out for a free one"
            ) from None


def result_of(folder: str | Path) -> dict[str, Any]:
    """What the coordinator wrote: graph, notes, rounds, and the step of a secure sum."""
    return dict(json.loads((Path(folder) / "result.json").read_text("utf-8")))
