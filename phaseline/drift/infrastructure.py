"""Compares the deployed state with this checkout: stacks, code, pipeline and connection.

The checks only read. A check that fails is reported as a failure, and the other checks continue.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from phaseline.aws.caller import concerns_caller
from phaseline.aws.throttling import wait_out
from phaseline.aws.wording import wording
from phaseline.deploy.plan import EVERY, STACKS
from phaseline.deploy.stack import Stack, describe
from phaseline.drift import code_check, function_code, pipeline_check, stack_check
from phaseline.drift.deployed import CheckResult, Deployed, file_of
from phaseline.drift.report import Failure, Finding
from phaseline.drift.template_values import UnresolvedError
from phaseline.errors import PhaselineError

WORKERS = 8
"""Concurrent checks. CloudFormation throttles callers, so that more checks would not be faster."""

T = TypeVar("T")
Check = tuple[str, Callable[[], CheckResult]]
"""The subject of a check, as findings name it, and the function that checks it."""


@dataclass(frozen=True)
class InfrastructureCheck:
    """The check of an environment's stacks, of which it reports those in `selected`.

    `limit` bounds the time for which each check waits for CloudFormation's detection and for rate
    limits, in seconds by `clock`.
    """

    deployed: Deployed
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    limit: float = 600.0
    selected: Sequence[str] = EVERY

    def run(self) -> CheckResult:
        """Run all checks, and return their results in the order of the stacks."""
        # All stacks are described, because the pipeline imports what other stacks export.
        descriptions = [
            (f"stack {self.deployed.name(short)}", partial(self._described, short))
            for short in EVERY
        ]
        with ThreadPoolExecutor(WORKERS) as pool:
            described = dict(zip(EVERY, pool.map(self._tried, descriptions), strict=True))
            stacks = {
                short: stack for short, stack in described.items() if isinstance(stack, Stack)
            }
            failed = {
                short: result
                for short, result in described.items()
                if isinstance(result, CheckResult)
            }
            results = [failed[short] for short in self.selected if short in failed]
            results += pool.map(self._tried, self._checks(stacks))
        return CheckResult(
            tuple(finding for result in results for finding in result.findings),
            tuple(name for result in results for name in result.unchecked),
            tuple(failure for result in results for failure in result.failures),
        )

    def _tried(self, check: "tuple[str, Callable[[], T]]") -> "T | CheckResult":
        """Return the result of a check, or its failure."""
        subject, run_check = check
        try:
            return wait_out(
                run_check, clock=self.clock, sleep=self.sleep, deadline=self.clock() + self.limit
            )
        except UnresolvedError as error:
            reason = f"a value of its template is not known: {error}"
        except (PhaselineError, ClientError, BotoCoreError) as error:
            if concerns_caller(error):
                raise
            reason = wording(error)
        return CheckResult(failures=(Failure(subject, f"It could not be checked: {reason}"),))

    def _described(self, short: str) -> Stack | CheckResult:
        """Return the stack, or a result if there is no stack to check."""
        stack = self.deployed.describe(short)
        subject = f"stack {self.deployed.name(short)}"
        if stack is None and short not in STACKS:
            return CheckResult(unchecked=(f"{subject}: it is not deployed",))
        if stack is None:
            sentence = f"The {subject} is declared but does not exist. {self.deployed.remedy}"
            return CheckResult(
                (Finding("missing-stack", subject, "missing", sentence, file=file_of(short)),)
            )
        if stack.changing:
            sentence = (
                f"An operation is in progress ({stack.status}). Run the check again after it."
            )
            return CheckResult(failures=(Failure(subject, sentence),))
        return stack

    def _checks(self, stacks: Mapping[str, Stack]) -> Iterator[Check]:
        for stack in (stack for short, stack in stacks.items() if short in self.selected):
            subject = f"stack {stack.name}"
            yield subject, partial(self._steady, self._drift, stack)
            template = partial(stack_check.template, self.deployed)
            yield subject, partial(self._steady, template, stack)
            for declared in function_code.declared_in(stack.outputs, stack.parameters):
                look = partial(code_check.code, self.deployed, declared=declared)
                yield f"function {declared.function}", partial(self._steady, look, stack)
        if "pipeline" in stacks.keys() & set(self.selected):
            exports = {
                name: value for stack in stacks.values() for name, value in stack.exports.items()
            }
            stack = stacks["pipeline"]
            name = stack.outputs.get("PipelineName", f"of {stack.name}")
            look = partial(pipeline_check.pipeline, self.deployed, exports=exports)
            yield f"pipeline {name}", partial(self._steady, look, stack)
            yield "connection", partial(pipeline_check.connection, self.deployed, stack)

    def _steady(self, look: Callable[[Stack], CheckResult], stack: Stack) -> CheckResult:
        """Return the result of a stack's check, or a failure if the stack changed meanwhile."""
        result = look(stack)
        if not result.findings:
            return result
        if (
            describe(self.deployed.clients.cloudformation, self.deployed.environment, stack.short)
            == stack
        ):
            return result
        sentence = "The stack changed during the check. Run the check again."
        return CheckResult(failures=(Failure(f"stack {stack.name}", sentence),))

    def _drift(self, stack: Stack) -> CheckResult:
        return stack_check.drift(
            self.deployed, stack, clock=self.clock, sleep=self.sleep, limit=self.limit
        )
