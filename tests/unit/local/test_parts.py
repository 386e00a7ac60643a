"""How the failure of a part is told."""

from pathlib import Path

import pytest

from local.parts import LONGEST, PartError, end, last_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\n  two  words \n\n   \n", "two words"),
        ("Traceback (most recent call last):\n  File x\nKeyError: 'y'\n", "KeyError: 'y'"),
        ("x" * (LONGEST + 1), "x" * LONGEST),
        (" \n", "nothing"),
    ],
)
def test_last_line(tmp_path: Path, text: str, line: str) -> None:
    """The last line that says anything, in a length that people read."""
    log = tmp_path / "log"
    log.write_text(text, encoding="utf-8")
    assert last_line(log) == line


def test_a_log_that_nobody_can_read(tmp_path: Path) -> None:
    """A part may fail before it has a log, and may write what is no text."""
    assert last_line(tmp_path / "missing") == "nothing"
    (tmp_path / "log").write_bytes(b"fine\nbroken \xff\n")
    assert last_line(tmp_path / "log") == "broken \N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("code", "words"), [(-9, "was ended by signal 9"), (3, "ended with exit code 3")]
)
def test_end(code: int, words: str) -> None:
    """A signal is named, and a program's own end by its code."""
    assert end(code) == words


def test_one_line(tmp_path: Path) -> None:
    """It says which part, how it failed, what it said last and where its log is."""
    log = tmp_path / "emulator.log"
    log.write_text("first\nlast\n", encoding="utf-8")
    error = PartError("the AWS emulator", "it was ended by signal 9", log)
    assert str(error) == (
        f'the AWS emulator: it was ended by signal 9; it said last "last". Its log is {log}'
    )
