"""`rung federate` as a stranger meets it, with or without Flower: commands and errors in words."""

from __future__ import annotations

import json
import shlex
import socket
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rung.cli.main import app
from rung.federation import Settings


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["federate", *(str(a) for a in args)])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    out = [tmp_path / "north.csv", tmp_path / "south west.csv", tmp_path / "east.csv"]
    for file in out:
        file.write_text("a,b\n1.5,2.5\n", "utf-8")
    return out


def test_the_printed_commands_start_every_part_on_ports_of_its_own(
    files: list[Path], tmp_path: Path
) -> None:
    code, text, _ = run(*files, "--learner", "pc:alpha=0.01", "-o", tmp_path / "out")
    assert code == 0
    lines = [shlex.split(line) for line in text.splitlines() if line.startswith("FLWR_")]
    assert len(lines) == 5
    assert all("FLWR_TELEMETRY_ENABLED=0" in line for line in lines)
    link, *nodes, start = lines
    assert "--disable-runtime-dependency-installation" in link
    assert link[link.index("--host") + 1] == "127.0.0.1"
    ports = [line[line.index("--port") + 1] for line in (link, *nodes)]
    assert len(set(ports)) == 4
    for file, node in zip(files, nodes, strict=True):
        assert f'data="{file}"' in node[node.index("--node-config") + 1]
        assert node[node.index("--superlink") + 1] == f"127.0.0.1:{ports[0]}"
    assert "run" in start
    table = tomllib.loads((tmp_path / "out" / "app" / "pyproject.toml").read_text("utf-8"))
    settings = Settings.of(table["tool"]["flwr"]["app"]["config"]["settings"])
    assert settings == Settings("pc:alpha=0.01", sites=3, minimum=2)
    homes = {word for line in lines for word in line if word.startswith("FLWR_HOME=")}
    assert len(homes) == 5


def test_json_has_the_same_parts(files: list[Path], tmp_path: Path) -> None:
    code, text, _ = run(*files, "-o", tmp_path / "out", "--json")
    assert code == 0
    parts = [part["part"] for part in json.loads(text)]
    assert parts == ["coordinator", "site-1", "site-2", "site-3", "run"]


def test_wrong_input_is_answered_in_words(files: list[Path], tmp_path: Path) -> None:
    odd = tmp_path / "it's.csv"
    odd.write_text("a\n1\n", "utf-8")
    for args, words in [
        ((files[0], tmp_path / "none.csv"), "there is no data file"),
        ((files[0],), "one file for each of its sites"),
        ((files[0], odd), "rename it"),
        ((*files, "--learner", "bos"), "nearest: 'boss'"),
        ((*files, "--secure", "--minimum", 1), "expected 2 to 3"),
        ((*files, "--minimum", 4), "minimum=4"),
    ]:
        code, _, err = run(*args, "-o", tmp_path / "out")
        assert code == 2
        assert words in err


def test_a_port_in_use_is_named(files: list[Path], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = run(*files, "--port", port, "-o", tmp_path / "out")
    assert code == 2
    assert f"port {port} cannot be used" in err


def test_without_flower_the_command_to_install_it_is_told(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = find_spec
    monkeypatch.setattr(
        "rung.federation.settings.find_spec", lambda name: None if name == "flwr" else known(name)
    )
    code, _, err = run(*files, "--run", "-o", tmp_path / "out")
    assert code == 2
    assert "pip install 'rung[federated]'" in err
