"""The log of a build, written to CloudWatch Logs with the build's own role."""

import threading
import time
from typing import Any

from botocore.exceptions import ClientError

from local.aws.ministack.scope import log

_BATCH = 100
_PAUSE = 0.5


class BuildLog:
    """A log stream. Lines are sent in batches, at most half a second after they were written."""

    def __init__(self, client: Any, group: str, stream: str) -> None:
        """Create the log group and the log stream. Raises ClientError if the role may not."""
        self._client, self._group, self._stream = client, group, stream
        try:
            client.create_log_stream(logGroupName=group, logStreamName=stream)
        except client.exceptions.ResourceNotFoundException:
            client.create_log_group(logGroupName=group)
            client.create_log_stream(logGroupName=group, logStreamName=stream)
        self._lines: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._sender = threading.Thread(target=self._run, daemon=True)
        self._sender.start()

    def write(self, line: str) -> None:
        """Write a line."""
        with self._lock:
            entry = {"timestamp": int(time.time() * 1000), "message": line or " "}
            self._lines.append(entry)

    def close(self) -> None:
        """Send the remaining lines."""
        self._closed.set()
        self._sender.join()

    def _run(self) -> None:
        while not self._closed.wait(_PAUSE):
            self._send()
        self._send()

    def _send(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
        for start in range(0, len(lines), _BATCH):
            try:
                self._client.put_log_events(
                    logGroupName=self._group,
                    logStreamName=self._stream,
                    logEvents=lines[start : start + _BATCH],
                )
            except ClientError as error:
                log.error("The log of a build is lost: %s", error)
