"""Makes releases on a local system while faults last, and judges it after them."""

import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from local.system import System, table
from local.waiting import until
from tests.chaos import people
from tests.chaos.fates import Fates
from tests.chaos.functions import through_proxies
from tests.chaos.judge import judge, unfinished
from tests.chaos.promotions import Promotion, waves
from tests.system.conftest import executions

COMPLETE = "PACKAGE_TESTS_COMPLETE"
SCHEDULED = ("StreamListener", "SlackNotifier")
"""The functions that a schedule invokes."""
SCHEDULE = 3.0
"""Seconds between two runs of the schedules after the faults, which are minutes on AWS."""
PATIENT = 0.7
"""The share of waves after which the pipeline ends before the next wave begins."""
WAVES_PER_REQUEST = 5
FIRST = "1.0.0"


@dataclass
class Trial:
    """Releases on a system. `promoted` has the versions, and `count` has all that happened."""

    system: System
    seed: int
    share: float
    promoted: list[Promotion] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rng, self.fates = random.Random(self.seed), Fates(self.seed, self.share, self.count)

    def release(self, releases: int) -> None:
        """Make releases while faults last, and one after them, which brings what failed.

        Raises AssertionError and TimedOutError.
        """
        with through_proxies(self.system, self.fates) as addresses:
            for number, wave in enumerate(waves(self.seed, releases), 1):
                self._complete(wave)
                if self.rng.random() < PATIENT:
                    self._settle()
                if number % WAVES_PER_REQUEST == 0:
                    self._ask(addresses[self.system.endpoint])
            self.fates.over.set()
            self._settle()
            self._complete([Promotion("opt", f"chaos-{self.seed}-last", FIRST)])
            until(
                self._look,
                lambda reasons: not reasons,
                what="the last release",
                sleep=lambda _: time.sleep(SCHEDULE),
            )
        self.count += judge(self.system, self.promoted, self.fates.doubtful)

    def _complete(self, wave: list[Promotion]) -> None:
        """Let versions pass their tests, and wait until an execution has their documents."""
        before = self._executions()
        for each in wave:
            table.write_algorithm(
                self.system,
                each.algorithm,
                each.version,
                type_=each.type,
                phase=COMPLETE,
                title=each.algorithm,
                summary=each.version,
            )
        self.promoted += wave
        until(lambda: all(map(self._is_recorded, wave)), what="the documents")
        until(lambda: len(self._executions()) > len(before), what="an execution")

    def _is_recorded(self, each: Promotion) -> bool:
        versions = self.system.document(each.type).versions()
        return versions.get(each.algorithm) == each.version

    def _ask(self, endpoint: str) -> None:
        """Let a person promote the first version of an algorithm that has another one now."""
        newest = {(each.type, each.algorithm): each.version for each in self.promoted}
        others = [name for name, version in newest.items() if version != FIRST]
        if others:
            asked = Promotion(*self.rng.choice(others), FIRST)
            request = f"chaos-{self.seed}-{len(self.promoted)}"
            self.count += people.promote(self.system, endpoint, asked, request)
            self.promoted.append(asked)

    def _settle(self) -> None:
        until(lambda: "InProgress" not in self._executions(), what="the pipeline")

    def _executions(self) -> list[str]:
        """Return the status of each execution."""
        return [each["status"] for each in executions(self.system)]

    def _look(self) -> list[str]:
        """Return what is unfinished. Meanwhile, the schedules go on."""
        reasons = unfinished(self.system, self.promoted)
        if reasons and "InProgress" not in self._executions():
            for function in SCHEDULED:
                self.system.client("lambda").invoke(
                    FunctionName=self.system.function(function),
                    Payload=json.dumps({"source": "aws.events"}),
                )
        return reasons
