"""Serves AWS for the local system on one loopback port: ministack with its additions.

    .phaseline/emulator/bin/python local/aws/serve.py --port 4566 --git-root G --state S

An administrator uses the access key "test" and the secret key "test". IAM policies apply to all
others.
"""

import argparse
import asyncio
import gc
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

SERVICES = """
    cloudformation cloudfront codebuild dynamodb dynamodbstreams events iam kms lambda logs
    monitoring s3 secretsmanager sns sqs ssm sts tagging
"""

USED = "used.jsonl"
"""The file in the state's folder with the actions that each role was allowed."""
# The only variables of the caller's environment that the emulator and its functions get.
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT")


def main() -> None:
    """Serve until SIGTERM, SIGINT or the end of the process that started this one."""
    arguments = _arguments()
    temporary = arguments.state / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    listener = _listener(arguments)
    _prepare_environment(listener.getsockname()[1], temporary)
    if arguments.log:
        _redirect_output(arguments.log)
    # The first entry is this directory, whose modules must not be imported as top-level modules.
    sys.path[0] = str(ROOT)
    asyncio.run(_serve(listener, arguments.git_root, arguments.state / USED))
    _end(temporary)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="AWS on one loopback port")
    address = parser.add_mutually_exclusive_group(required=True)
    address.add_argument("--port", type=int)
    address.add_argument("--socket", type=int, help="file descriptor of a socket that is bound")
    parser.add_argument("--git-root", type=Path, required=True, help="<owner>/<name>.git inside")
    parser.add_argument("--state", type=Path, required=True, help="for files of this run")
    parser.add_argument("--log", type=Path, help="append output here instead of printing it")
    arguments = parser.parse_args()
    arguments.git_root = arguments.git_root.resolve()
    arguments.state = arguments.state.resolve()
    return arguments


def _listener(arguments: argparse.Namespace) -> socket.socket:
    """Return the socket to serve on, bound to its port."""
    if arguments.socket is not None:
        return socket.socket(fileno=arguments.socket)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", arguments.port))
    return listener


def _prepare_environment(port: int, temporary: Path) -> None:
    """Set the environment variables that ministack reads when it is imported."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    os.environ.clear()
    os.environ |= kept | {
        "AUTH": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "GATEWAY_PORT": str(port),
        "HOME": str(temporary),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "INFO",
        "MINISTACK_ACCOUNT_ID": "000000000000",
        "MINISTACK_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1,localhost",
        "SERVICES": ",".join(SERVICES.split()),
        "SFTP_ENABLED": "0",
        "TMPDIR": str(temporary),
    }


def _redirect_output(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


async def _serve(listener: socket.socket, git_root: Path, used: Path) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    from local.aws import push, seams

    # The modules' objects stay for good, so the garbage collector need not visit them again.
    gc.freeze()
    gc.set_threshold(5_000, 10, 50)

    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    handlers = push.addresses(*seams.attach(endpoint, git_root, used))
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    watching = loop.create_task(_stop_without_parent(stopped, os.getppid()))
    served: Any = push.listening(app, handlers)
    await serve(served, config, shutdown_trigger=stopped.wait)
    watching.cancel()


async def _stop_without_parent(stopped: asyncio.Event, parent: int) -> None:
    """Stop when the process that started the emulator has ended: a killed one cannot stop it."""
    while os.getppid() == parent:
        await asyncio.sleep(1)
    stopped.set()


def _end(temporary: Path) -> None:
    """End Lambda workers and builds. Does not wait for threads of requests in progress."""
    from ministack.core import lambda_runtime

    from local.aws.codebuild import build

    build.kill_all()
    lambda_runtime.reset()
    shutil.rmtree(temporary, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
