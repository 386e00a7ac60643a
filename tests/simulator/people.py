"""People who promote, roll back, hold, resume and clear, and who run a request again."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError

from phaseline import times
from phaseline.documents.commit import Commits
from phaseline.errors import InputError, PhaselineError, RefusedError
from phaseline.promotion.carry_out import carry_out
from phaseline.promotion.eligibility import Sources
from phaseline.promotion.request import Request
from tests.simulator.checker import Checker
from tests.simulator.contexts import Run
from tests.simulator.remote import Death, Faults
from tests.simulator.scheduler import Scheduler
from tests.simulator.table import VERSIONS, Table

ACTIONS = ("promote", "promote", "rollback", "rollback", "hold", "resume", "resume", "clear")


@dataclass
class People:
    """Requests of people, each carried out in a process of its own."""

    rng: random.Random
    scheduler: Scheduler
    faults: Faults
    table: Table
    checker: Checker
    commits: Commits
    sources: Sources
    trace: Callable[[str], None]
    known: list[Request] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)

    def act(self) -> None:
        """Make a request, or run an earlier one again, until it ends or is left."""
        if self.known and self.rng.random() < 0.3:
            request = self.rng.choice(self.known[-20:])
        else:
            request = self._request()
            self.known.append(request)
        while not self._run(request) and self.rng.random() < 0.7:
            self.scheduler.pause(self.rng.random() * 20)

    def _run(self, request: Request) -> bool:
        """Run a request, and return whether it ended."""
        now = self.scheduler.time()
        request = replace(request, at=now)
        self.faults.contexts[self.scheduler.actor] = Run(request)
        result = "failed"
        try:
            carry_out(request, commits=self.commits, sources=self.sources)
            self.checker.done.setdefault(request.id, request)
            result = "carried out"
        except (RefusedError, InputError) as error:
            result = "refused"
            self.trace(f"  {error}")
        except (PhaselineError, BotoCoreError, ClientError, Death):
            pass
        finally:
            self.faults.contexts[self.scheduler.actor] = None
        self.count[f"{request.action} {result}"] += 1
        self.trace(f"{request.who}: {request.action} {request.subject} {request.id}: {result}")
        return result != "failed"

    def _request(self) -> Request:
        action, name = self.rng.choice(ACTIONS), self.table.name()
        type_ = name.partition("-")[0]
        version, until = None, None
        if action in {"promote", "clear"} or (action == "rollback" and self.rng.random() < 0.3):
            version = f"{self.rng.randrange(1, VERSIONS)}.0"
        if action == "clear":
            marked = sorted(self.checker.state(type_).bad)
            name, version = self.rng.choice(marked) if marked else (name, version)
        if action == "hold" and self.rng.random() < 0.7:
            end = self.scheduler.moment() + timedelta(seconds=self.rng.randrange(20, 200))
            until = times.second(end)
        is_whole = action in {"hold", "resume"} and self.rng.random() < 0.4
        return Request(
            action=action,
            type=type_,
            algorithms=() if is_whole else (name,),
            reason="because",
            who=self.scheduler.actor,
            at=self.scheduler.time(),
            id=f"run-{len(self.known) + 1}",
            version=version,
            until=until,
        )
