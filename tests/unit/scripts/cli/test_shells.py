"""The completion that a person installs, and what a shell gets."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest

from scripts.cli import completions, shells
from scripts.cli.completions import algorithms

ROOT = Path(__file__).parents[4]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    command = [sys.executable, "-m", "scripts", *arguments]
    environ = os.environ | variables
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", ".bashrc"),
        ("zsh", ".zshrc"),
        ("fish", ".config/fish/completions/phaseline.fish"),
    ],
)
def test_completion_is_installed_once(tmp_path: Path, shell: str, file: str) -> None:
    """What the file had before stays, also if its last line has no end."""
    place = tmp_path / file
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("PS1='$ '")
    home = {"HOME": str(tmp_path), "SHELL": f"/bin/{shell}", "ZDOTDIR": "", "XDG_CONFIG_HOME": ""}
    first, second = (run("completion", "install", **home) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "is installed" in first.stdout
    assert "already" in second.stdout
    assert place.read_text() == f"PS1='$ '\n{shells.TEXTS[shell]}\n"


def test_unknown_shell_is_an_error(tmp_path: Path) -> None:
    ended = run("completion", "install", HOME=str(tmp_path), SHELL="/bin/tcsh")
    assert ended.returncode == 2
    assert "found tcsh" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_shell_gets_commands_and_its_script() -> None:
    words = {"COMP_WORDS": "phaseline pro", "COMP_CWORD": "1"}
    assert run(_PHASELINE_COMPLETE="bash_complete", **words).stdout == "plain,promote\n"
    assert "_phaseline_completion" in run(_PHASELINE_COMPLETE="bash_source").stdout


def test_bash_completes_with_the_installed_line(tmp_path: Path) -> None:
    """In a shell that finds the program on its PATH."""
    program = tmp_path / "phaseline"
    program.write_text(f'#!/bin/sh\ncd "{ROOT}"\nexec "{sys.executable}" -m scripts "$@"\n')
    program.chmod(0o755)
    script = f"{shells.TEXTS['bash']}\ncomplete -p phaseline"
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-c", script]
    ended = subprocess.run(command, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    assert "_phaseline_completion phaseline" in ended.stdout, ended.stderr


def test_error_in_a_completion_is_silent() -> None:
    """Such as credentials that are missing."""
    words = {"COMP_WORDS": "phaseline promote opt/", "COMP_CWORD": "2"}
    given = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"), "")
    given |= {"AWS_EC2_METADATA_DISABLED": "true", "PHASELINE_ENVIRONMENT": "demo"}
    ended = run(_PHASELINE_COMPLETE="bash_complete", **words, **given)
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, "", "")


def test_completion_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows what it has found by then."""
    ended = threading.Event()

    class Endless:
        @property
        def documents(self) -> None:
            ended.wait()

    monkeypatch.setattr(completions, "LIMIT", 0.01)
    monkeypatch.setattr(completions, "_services", lambda context: Endless())
    command = click.Command("promote")
    try:
        assert algorithms(click.Context(command), click.Option(["--x"]), "opt/") == []
    finally:
        ended.set()
