"""Pure: the fate of each call, which follows from a seed, the operation and the call's number."""

import random
import threading
from collections import Counter
from dataclasses import dataclass, field

WEIGHTS = {"refused": 8, "reset": 2, "lost": 2, "slow": 2, "killed before": 2, "killed after": 2}
"""The faults, and how often each occurs compared with the others:

- `refused`: the service's own answer to requests that it cannot serve now
- `reset`, `lost`: the connection is reset before or after the request had its effect
- `slow`: the answer takes a second
- `killed before`, `killed after`: the process that made the call is killed
"""
NOTED = "UpdateItem of a posted message"
"""The operation with which the notifier notes that it has posted a message."""
SILENT = {"never": 2}
"""GitHub and Slack may also give no answer, and no effect, until the client gives up."""


OUTSIDE = ("github", "slack")
OFTEN = 4
"""By how much faults of GitHub and Slack are more frequent, because calls of them are few."""


@dataclass
class Fates:
    """Decides the fate of calls. `share` is the share of AWS's calls that have a fault.

    `calls` has the number of calls by service and operation, and `count` that of the faults by
    service and kind. `faults` counts all of them, and `doubtful` those after which a Slack message
    may be posted again (docs/decisions/0013-one-message-that-moves.md). The faults last until they
    are `over`.
    """

    seed: int
    share: float
    count: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    doubtful: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, service: str, operation: str) -> tuple[str, random.Random]:
        """Return the fault of a call, or "", and the source of all that is random about it."""
        with self._lock:
            self.calls[service, operation] += 1
            number = self.calls[service, operation]
            rng = random.Random(f"{self.seed} {service} {operation} {number}")
            is_outside = service in OUTSIDE
            share = self.share * (OFTEN if is_outside else 1)
            if self.over.is_set() or rng.random() >= share:
                return "", rng
            weights = WEIGHTS | (SILENT if is_outside else {})
            (kind,) = rng.choices(list(weights), list(weights.values()))
            self.count[f"{service}: {kind}"] += 1
            self.faults += 1
            self.doubtful += kind != "slow" and _leaves_doubt(operation, kind)
            return kind, rng


def _leaves_doubt(operation: str, kind: str) -> bool:
    """Return whether it is unknown after a fault that Slack has a message."""
    if operation == NOTED:
        return True
    return operation == "chat.postMessage" and kind in {"lost", "killed after"}
