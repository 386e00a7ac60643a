"""What a person sees on a real terminal, and what a pipe gets."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
URL = f"https://console/{'x' * 200}"
COMMAND = f"""
import click
from scripts.cli import failures
from scripts.cli.console import Console
from scripts.cli.text import Cell, state, table

@click.command()
def command():
    shown = Console(total=1)
    with shown.step("Read :secret:"):
        shown.progress("  [red]log[/red] {URL}")
    hostile = "why\\x1b[2J\\n::add-mask::x"
    shown.result({{}}, table([[state("Failed", "{URL}"), Cell(hostile)], ["a", ":smile:"]]))

failures.run(command)
"""


def on_terminal(**variables: str) -> str:
    """Run the command on a terminal with 80 columns, and return what it writes there."""
    ours, theirs = pty.openpty()
    environ = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "80"} | variables
    command = [sys.executable, "-c", COMMAND]
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        written = b""
        try:
            while part := os.read(ours, 65_536):
                written += part
        except OSError:
            pass  # Linux reports the end of a terminal as an error
        os.close(ours)
        assert process.wait(60) == 0
    return written.decode().replace("\r\n", "\n")


def test_terminal_gets_colours_and_links_of_ours_only() -> None:
    """Nothing is wrapped, no word becomes an emoji or markup, and no quoted control is obeyed."""
    shown = on_terminal()
    assert f"\x1b]8;;{URL}\x1b\\\x1b[31mFailed\x1b[0m\x1b]8;;\x1b\\" in shown
    assert f"  [red]log[/red] {URL}\n" in shown
    assert "Read :secret:" in shown
    assert "why\\x1b[2J ::add-mask::x\n" in shown
    assert "a       :smile:\n" in shown


@pytest.mark.parametrize("variable", ["NO_COLOR", "CI"])
def test_terminal_without_colours_gets_plain_text(variable: str) -> None:
    shown = on_terminal(**{variable: "1"})
    assert "\x1b" not in shown
    assert "Failed  why\\x1b[2J ::add-mask::x\n" in shown


def test_pipe_gets_plain_text() -> None:
    command = [sys.executable, "-c", COMMAND]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.stdout == "Failed  why\\x1b[2J ::add-mask::x\na       :smile:\n"
    assert "\x1b" not in ended.stderr
