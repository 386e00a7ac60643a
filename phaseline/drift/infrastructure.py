"""Whether what is deployed is what this checkout declares: stacks, code, pipeline, connection.

Everything is read, nothing is changed. A check that fails leaves the others alone, and is told as
what it is: not looked at.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.aws.caller import concerns_caller
from phaseline.aws.throttling import wait_out
from phaseline.deploy.plan import EVERY, STACKS
from phaseline.deploy.stack import Stack, describe
from phaseline.drift import code_check, function_code, pipeline_check, stack_check
from phaseline.drift.deployed import Deployed, Found, file_of
from phaseline.drift.report import Failure, Finding
from phaseline.drift.template_values import UnresolvedError
from phaseline.errors import PhaselineError

WORKERS = 8
"""Checks at once. CloudFormation slows callers down, which the checks sit out; more at once would
only wait for each other."""

T = TypeVar("T")
Check = tuple[str, Callable[[], Found]]
"""What is checked, as findings call it, and how."""


@dataclass(frozen=True)
class InfrastructureCheck:
    """The check of the stacks `selected` of an environment. `limit` bounds the wait of each part,
    for a detection's end and for AWS's rate limits, in seconds of `clock`."""

    deployed: Deployed
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    limit: float = 600.0
    selected: Sequence[str] = EVERY

    def run(self) -> Found:
        """All that was found, in the order of the stacks."""
        # Of all of them, because the pipeline is made of what other stacks export.
        every = [
            (f"stack {self.deployed.name(short)}", partial(self._described, short))
            for short in EVERY
        ]
        with ThreadPoolExecutor(WORKERS) as pool:
            described = dict(zip(EVERY, pool.map(self._tried, every), strict=True))
            stacks = {short: one for short, one in described.items() if isinstance(one, Stack)}
            failed = {short: one for short, one in described.items() if isinstance(one, Found)}
            found = [failed[short] for short in self.selected if short in failed]
            found += pool.map(self._tried, self._checks(stacks))
        return Found(
            tuple(finding for one in found for finding in one.findings),
            tuple(name for one in found for name in one.unchecked),
            tuple(failure for one in found for failure in one.failures),
        )

    def _tried(self, check: "tuple[str, Callable[[], T]]") -> "T | Found":
        """What a check finds, or that it failed."""
        subject, look = check
        try:
            return wait_out(
                look, clock=self.clock, sleep=self.sleep, deadline=self.clock() + self.limit
            )
        except UnresolvedError as error:
            reason = f"this of its template can't be worked out: {error}"
        except (PhaselineError, ClientError, BotoCoreError) as error:
            if concerns_caller(error):
                raise
            reason = str(error)
        return Found(failures=(Failure(subject, f"It could not be checked: {reason}"),))

    def _described(self, short: str) -> Stack | Found:
        """The stack, or why there is none to check."""
        stack = self.deployed.describe(short)
        subject = f"stack {self.deployed.name(short)}"
        if stack is None and short not in STACKS:
            return Found(unchecked=(f"{subject}: it is not deployed",))
        if stack is None:
            sentence = f"The {subject} is declared and does not exist. {self.deployed.remedy}"
            return Found(
                (Finding("missing-stack", subject, "missing", sentence, file=file_of(short)),)
            )
        if stack.changing:
            sentence = f"It is being changed ({stack.status}); look again when that has ended."
            return Found(failures=(Failure(subject, sentence),))
        return stack

    def _checks(self, stacks: Mapping[str, Stack]) -> Iterator[Check]:
        for stack in (one for short, one in stacks.items() if short in self.selected):
            subject = f"stack {stack.name}"
            yield subject, partial(self._steady, self._drift, stack)
            template = partial(stack_check.template, self.deployed)
            yield subject, partial(self._steady, template, stack)
            for declared in function_code.declared_in(stack.outputs, stack.parameters):
                look = partial(code_check.code, self.deployed, declared=declared)
                yield f"function {declared.function}", partial(self._steady, look, stack)
        if "pipeline" in stacks.keys() & set(self.selected):
            exports = {
                name: one for stack in stacks.values() for name, one in stack.exports.items()
            }
            stack = stacks["pipeline"]
            name = stack.outputs.get("PipelineName", f"of {stack.name}")
            look = partial(pipeline_check.pipeline, self.deployed, exports=exports)
            yield f"pipeline {name}", partial(self._steady, look, stack)
            yield "connection", partial(pipeline_check.connection, self.deployed, stack)

    def _steady(self, look: Callable[[Stack], Found], stack: Stack) -> Found:
        """What a look at a stack finds, unless a deploy has changed the stack since."""
        found = look(stack)
        if not found.findings:
            return found
        if (
            describe(self.deployed.clients.cloudformation, self.deployed.environment, stack.short)
            == stack
        ):
            return found
        sentence = "It was changed while it was looked at; look again when that has ended."
        return Found(failures=(Failure(f"stack {stack.name}", sentence),))

    def _drift(self, stack: Stack) -> Found:
        return stack_check.drift(
            self.deployed, stack, clock=self.clock, sleep=self.sleep, limit=self.limit
        )
