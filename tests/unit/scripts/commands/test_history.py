"""The options of the history command."""

import pytest
from click.testing import CliRunner

from scripts.commands import history


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--until", "2026-11-25T10:00:00Z"], "--until needs --since"),
        (["--at", "2026-11-25T10:00:00Z", "--release", "x"], "cannot be combined"),
        (["opt-a-1.0.0-x", "--since", "2h"], "cannot be combined"),
        (["--at", "2026-11-25T10:00:00"], "2026-11-2"),
        (["--since", "2 hours"], "found '2 hours'"),
        (["--limit", "0"], "--limit"),
        (["--since", "2099-01-01T00:00:00Z"], "--since 2099-01-01T00:00:00Z is after --until"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], said: str) -> None:
    ran = CliRunner().invoke(history.command, ["--environment", "demo", *arguments])
    assert ran.exit_code == 2
    assert said in ran.output
