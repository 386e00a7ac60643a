"""Deploys CloudFormation stacks by change set, and previews their changes.

A deploy decides by the stack's status, creates a change set, executes it and follows its events.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phaseline.deploy.change_set_client import ChangeSets
from phaseline.deploy.change_sets import DeclaredStack, StackResult, changes, is_empty
from phaseline.deploy.parameters import TemplateParameters
from phaseline.deploy.stack import find, is_deployed
from phaseline.deploy.stack_events import StackEvents
from phaseline.deploy.stack_status import Decision, Event, decide
from phaseline.deploy.stack_wait import StackWait
from phaseline.deploy.template_summary import template_parameters
from phaseline.errors import ConfigurationError, DeploymentError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


@dataclass(frozen=True)
class Stacks:
    """The stacks of one account and region.

    `limit` bounds each wait, in seconds by `clock`. `polls` are the pauses between two attempts;
    the last pause repeats. `progress` is called once for each event of a stack.
    """

    client: "CloudFormationClient"
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    progress: Callable[[Event], None]
    polls: Sequence[float] = (0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0)
    limit: float = 1800.0

    def parameters(self, name: str, template: str) -> TemplateParameters:
        """Return the parameters of a template. Raises ConfigurationError if it is invalid."""
        return template_parameters(self.client, name, template)

    def find(self, stack: str) -> "StackTypeDef | None":
        """Return the stack of this name or id, or None."""
        return find(self.client, stack)

    def outputs(self, stack: str) -> dict[str, str]:
        """Return the outputs of a stack. Raises ConfigurationError if it is not deployed."""
        description = self.find(stack)
        if description is None or not is_deployed(description):
            raise ConfigurationError(f"stack {stack}", "it is not deployed", "Deploy it first.")
        return _outputs(description)

    def deploy(self, declared: DeclaredStack) -> StackResult:
        """Create or update the stack as declared.

        Raises DeploymentError with the reason of the first failed resource, or with the command
        that the stack needs in its status; TimedOutError; and ConfigurationError if CloudFormation
        refuses the request before it changes anything.
        """
        decision, stack, marker = self._settled(declared.name)
        change_set = self._change_sets.make(declared, decision, stack, "deploy")
        if is_empty(change_set):
            self._change_sets.delete(declared.name, change_set["ChangeSetId"])
            return StackResult(declared.name, "none", outputs=_outputs(stack) if stack else {})
        self._change_sets.execute(change_set)
        try:
            self._events.follow(change_set, marker)
        except Exception:
            raise
        except BaseException as interruption:
            interruption.add_note(
                f"CloudFormation continues to {decision.action} the stack {declared.name}"
            )
            raise
        outputs = self.outputs(change_set["StackId"])
        return StackResult(declared.name, decision.action, changes(change_set), outputs)

    def preview(self, declared: DeclaredStack) -> StackResult:
        """Return the changes that `deploy` would make.

        Deletes the change set afterwards, and the empty stack that CloudFormation creates to hold
        the change set of a new stack.
        """
        decision, stack, _ = self._settled(declared.name)
        change_set = self._change_sets.make(declared, decision, stack, "preview")
        self._change_sets.delete(declared.name, change_set["ChangeSetId"])
        if stack is None:
            self._change_sets.delete_empty_stack(change_set)
        action = "none" if is_empty(change_set) else decision.action
        outputs = _outputs(stack) if stack else {}
        return StackResult(declared.name, action, changes(change_set), outputs)

    @property
    def _wait(self) -> StackWait:
        return StackWait(self.clock, self.sleep, self.polls, self.limit)

    @property
    def _change_sets(self) -> ChangeSets:
        return ChangeSets(self.client, self._wait)

    @property
    def _events(self) -> StackEvents:
        return StackEvents(self.client, self._wait, self.progress)

    def _settled(self, name: str) -> "tuple[Decision, StackTypeDef | None, str]":
        """Wait for any operation on a stack to end; return the decision about the stack, the stack
        and the id of its newest event.

        The event is read before the stack: if another deploy starts in between, its end is then an
        event after the returned one.
        """

        def settled() -> "tuple[Decision, StackTypeDef | None, str] | None":
            marker = self._events.newest(name)
            stack = self.find(name)
            status = stack["StackStatus"] if stack else None
            decision = decide(status, name)
            if decision.action == "stop":
                raise DeploymentError(
                    f"stack {name}",
                    f"a stack in status {status} can't be deployed",
                    f"Read its events, then run: {decision.command}",
                )
            if decision.action == "wait":
                self.progress(Event(name, name, "AWS::CloudFormation::Stack", str(status)))
                return None
            return decision, stack, marker

        return self._wait.until(name, settled)


def _outputs(stack: "StackTypeDef") -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
