"""Shows the environment in the browser: what is live, what moves, what waits, and how fast.

Serves pages on this machine, with your own AWS credentials, until you press Ctrl-C. Open the
address that it prints; it contains a secret, so that nobody else on this machine can use it. With
--out, writes everything to one HTML file instead, which needs no server.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from phaseline.errors import ConfigurationError
from scripts.cli import interruption, invocation
from scripts.cli.console import Console
from scripts.cli.interruption import Interrupted
from scripts.cli.options import environment_option
from scripts.services import Services

if TYPE_CHECKING:
    from scripts.board.reader import Reader

FOREVER = 10.0**8


@click.command(name="board", help=__doc__)
@environment_option()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="any free port",
    help="Port on 127.0.0.1.",
)
@click.option(
    "--allow-actions",
    is_flag=True,
    help="Let the pages promote, roll back, hold, resume and clear, each after a confirmation.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write one HTML file, and serve nothing.",
)
def command(environment: str, port: int, allow_actions: bool, out: Path | None) -> None:
    # The web library is slow to import, and other commands' completion and help do not need it.
    from scripts.board.file import board_file
    from scripts.board.reader import Reader

    reader = Reader(Services(environment))
    if out:
        out.write_text(board_file(reader), "utf-8")
        Console().result(None, [f"The board of {environment} is in {out}."])
    else:
        _serve(reader, port, may_act=allow_actions)


def _serve(reader: "Reader", port: int, *, may_act: bool) -> None:
    from scripts.board.server import serving

    try:
        with serving(reader, invocation.who(), port, may_act=may_act) as app:
            Console().result(None, [app.guard.address])
            Console().progress("Open this address in a browser. Ctrl-C ends the board.")
            interruption.process.sleep(FOREVER)
    except Interrupted:
        Console().progress("The board has ended.")
    except OSError as error:
        raise ConfigurationError(
            f"port {port} of this machine", str(error), "Name another port, or none."
        ) from error
