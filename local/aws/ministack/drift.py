"""Readers for properties that ministack's drift detection does not compare.

These are the state of a rule and the settings of an event source mapping. A reader takes the
physical ID and the declared properties of a resource, and returns the present properties, or None
if the resource was deleted. The properties that it can read are registered with it.
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
