"""docs/operations.md as its readers use it: chapter by chapter, command by command, in a shell."""

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from local.system import ROOT

PAGE = ROOT / "docs/operations.md"
EXIT_CODE = re.compile(r"# exits with (\d+)$")
ASSIGNMENT = re.compile(r"(?P<name>(?:export )?\w+=)(?P<value>[^$\s]+)")


@dataclass(frozen=True)
class Command:
    """A command of the page, with the exit code and the output that the page foretells.

    In `shown`, `...` stands for anything on a line, and alone for any lines; nothing is foretold
    where it is empty.
    """

    text: str
    shown: str = ""

    @property
    def exit_code(self) -> int:
        found = EXIT_CODE.search(self.text)
        return int(found[1]) if found else 0

    def foretells(self, output: str) -> bool:
        """Whether it may print this."""
        lines = [
            r"(?:.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
            for line in self.shown.splitlines()
        ]
        return not lines or re.fullmatch("".join(lines), output) is not None

    @property
    def variable(self) -> str | None:
        """The variable that it sets to a value of the page, which readers replace by theirs."""
        found = ASSIGNMENT.fullmatch(self.text)
        return found["name"].removeprefix("export ").rstrip("=") if found else None

    def with_value(self, value: str) -> "Command":
        """The same command with another value for its variable."""
        return replace(self, text=ASSIGNMENT.sub(rf"\g<name>{value}", self.text))


Block = list[Command]


def chapters(text: str) -> dict[str, list[Block]]:
    """The blocks of commands of each chapter of a page, by the chapter's heading."""
    found: dict[str, list[Block]] = {}
    blocks: list[Block] = []
    language = None
    for line in text.splitlines():
        if line.startswith("```"):
            language = None if language is not None else line.removeprefix("```")
            if language == "console":
                blocks.append([])
        elif language == "console":
            _add(blocks[-1], line)
        elif language is None and line.startswith("## "):
            blocks = found[line.removeprefix("## ")] = []
    return found


def _add(block: Block, line: str) -> None:
    """Add a line of a block: a command, the rest of one, or what it shows."""
    if line.startswith("$ "):
        block.append(Command(line.removeprefix("$ ")))
    elif block[-1].text.endswith(("\\", "|")):
        block[-1] = replace(block[-1], text=f"{block[-1].text}\n{line}")
    else:
        block[-1] = replace(block[-1], shown=f"{block[-1].shown}{line}\n")


@dataclass
class Reader:
    """Somebody who types a chapter's commands into one shell, block after block.

    `after` is called after each command, with its text. The state of the shell is kept in `folder`.
    """

    blocks: list[Block]
    environ: Mapping[str, str]
    folder: Path
    after: Callable[[str], None] = field(default=lambda _: None)

    def block(self, **values: str) -> list[str]:
        """Type the next block, with the reader's own `values` for its variables; what each command
        printed. Each must end and print as the page says."""
        commands = self.blocks.pop(0)
        assert values.keys() == {one.variable for one in commands if one.variable}
        return [
            self._type(one.with_value(values[one.variable]) if one.variable else one)
            for one in commands
        ]

    def _type(self, command: Command) -> str:
        state = self.folder / "variables"
        state.touch()
        script = f'. "{state}"\nset -a\n{command.text}\ncode=$?\nexport -p > "{state}"\nexit $code'
        done = subprocess.run(
            ["bash", "-c", script], cwd=ROOT, env=self.environ, capture_output=True, text=True
        )
        told = f"{command.text}\n{done.stdout}{done.stderr}"
        assert done.returncode == command.exit_code, told
        assert command.foretells(done.stdout), told
        self.after(command.text)
        return done.stdout + done.stderr
