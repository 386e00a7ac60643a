"""What ministack's drift detection does not read, of what CloudFormation does and people change by
hand: whether a rule is enabled, and a stream mapping's settings.

A reader takes a resource's physical id and declared properties, and gives those that it has now, or
None where it is gone; with it go the properties that it is able to read.
"""

from typing import Any

from ministack.services import eventbridge, lambda_svc
from ministack.services.cloudformation.provisioners import _eb_rule_bus_name

MAPPING = frozenset({"BatchSize", "Enabled", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts"})


def _rule(physical_id: str, declared: dict[str, Any]) -> dict[str, Any] | None:
    key = eventbridge._rule_key(physical_id, _eb_rule_bus_name(declared))
    found = eventbridge._rules.get(key)
    return None if found is None else {"State": found["State"]}


def _mapping(physical_id: str, _declared: dict[str, Any]) -> dict[str, Any] | None:
    found = lambda_svc._esms.get(physical_id)
    if found is None:
        return None
    return {name: found[name] for name in MAPPING & found.keys()}


READERS = {
    "AWS::Events::Rule": (_rule, frozenset({"State"})),
    "AWS::Lambda::EventSourceMapping": (_mapping, MAPPING),
}
