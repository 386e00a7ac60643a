"""The board of the local system, as a person starts it."""

import signal
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

from local.system import ENVIRONMENT, ROOT, System
from tests.system.scripts import Scripts, bring
from tests.system.scripts import scripts as scripts  # a fixture
from tests.waiting import eventually

BUILT = ("Source", "Build", "Publish", "Invalidate", "Verify", "verified")


def test_real_release_is_shown_until_the_person_ends_the_board(
    system: System, scripts: Scripts
) -> None:
    """Live on the overview, and step by step on its own page."""
    bring(system, "shown", "1.0.0")
    release = next(system.ledger.releases("opt", "shown"))
    command = [sys.executable, "-m", "scripts", "board", "--environment", ENVIRONMENT]
    with subprocess.Popen(
        command, cwd=ROOT, env=system.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            address = process.stdout.readline().strip()
            opener = urllib.request.build_opener(
                urllib.request.HTTPCookieProcessor(CookieJar())
            ).open
            opener(address).close()
            base = address.partition("/open/")[0]

            def page(path: str) -> str:
                with opener(base + path) as answer:
                    text: str = answer.read().decode()
                return text

            eventually(lambda: "opt/shown" in page("/?q=shown"))
            steps = page(f"/search?q={release.release_id}")
            assert [name for name in BUILT if f'<th scope="row">{name}</th>' not in steps] == []
            assert "1.0.0" in page("/algorithm?type=opt&name=shown")
        finally:
            process.send_signal(signal.SIGINT)
        _, progress = process.communicate()
    assert process.returncode == 0, progress
    assert progress.splitlines()[-1] == "The board has ended."


def test_file_has_a_real_release(system: System, scripts: Scripts, tmp_path: Path) -> None:
    bring(system, "written", "1.0.0")
    file = tmp_path / "board.html"
    ran = scripts.run("board", "--out", str(file))
    assert (ran.code, ran.err) == (0, "")
    release = next(system.ledger.releases("opt", "written"))
    assert f'id="{release.release_id}"' in file.read_text("utf-8")
