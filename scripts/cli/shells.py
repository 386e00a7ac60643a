"""The completion of the program in a person's shell.

https://click.palletsprojects.com/en/stable/shell-completion/
"""

from collections.abc import Mapping
from pathlib import Path

SHELLS = ("bash", "zsh", "fish")
FOUND = "command -v phaseline >/dev/null && "
"""A virtual environment may not be active in each shell."""
COMPINIT = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }; "
"""zsh's own completion, which it does not start by itself."""
TEXTS = {
    "bash": FOUND + 'eval "$(_PHASELINE_COMPLETE=bash_source phaseline)"',
    "zsh": FOUND + "{ " + COMPINIT + 'eval "$(_PHASELINE_COMPLETE=zsh_source phaseline)"; }',
    "fish": "command -q phaseline; and _PHASELINE_COMPLETE=fish_source phaseline | source",
}
"""The line of each shell."""


def place(shell: str, environ: Mapping[str, str]) -> Path:
    """Return the file that a shell reads when it starts or, with fish, when it completes."""
    home = Path(environ.get("HOME", "~")).expanduser()
    if shell == "bash":
        return home / ".bashrc"
    if shell == "zsh":
        return Path(environ.get("ZDOTDIR") or home) / ".zshrc"
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return config / "fish/completions/phaseline.fish"


def install(shell: str, file: Path) -> bool:
    """Add the line to a file, unless it is there, and return whether it was added."""
    text = file.read_text("utf-8") if file.exists() else ""
    if TEXTS[shell] in text.splitlines():
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    begun = text if not text or text.endswith("\n") else f"{text}\n"
    file.write_text(f"{begun}{TEXTS[shell]}\n", "utf-8")
    return True
