"""Expressions of workflow files, as they are evaluated before a run."""

from typing import Any

import pytest

from local.workflows.expressions import evaluate, render

CONTEXTS: dict[str, Any] = {
    "inputs": {"environment": "demo", "dry-run": True, "empty": ""},
    "github": {"event": {"client_payload": {"revision": 7}}, "actor": "Ada"},
    "vars": {"ENVIRONMENTS": '["staging", "demo"]'},
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'it''s'", "it's"),
        ("-1.5", -1.5),
        ("null", None),
        ("inputs.environment", "demo"),
        ("inputs['environment']", "demo"),
        ("inputs.absent.deeper", None),
        ("inputs.empty || github.actor", "Ada"),
        ("inputs.dry-run && 'dry' || 'real'", "dry"),
        ("!inputs.dry-run", False),
        ("github.actor == 'ADA'", True),
        ("github.event.client_payload.revision >= '7'", True),
        ("null == false", True),
        ("(1 < 2) && (2 != 3)", True),
        ("fromJSON(vars.ENVIRONMENTS)[0]", "staging"),
        ("fromJSON(vars.ENVIRONMENTS)[5]", None),
        ("contains(fromJSON(vars.ENVIRONMENTS), inputs.environment)", True),
        ("contains('Hello', 'ELL')", True),
        ("startsWith('refs/heads/x', 'refs/heads/')", True),
        ("format('{1}-{0}', inputs.environment, 1)", "1-demo"),
        ("format('{{0}} {0} {{{0}}}', 1)", "{0} 1 {1}"),
        ("INPUTS.Environment", "demo"),
        ("inputs['Dry-Run']", True),
        ("Contains(fromjson(Vars.environments), 'DEMO')", True),
        ("join(fromJSON(vars.ENVIRONMENTS), '+')", "staging+demo"),
    ],
)
def test_value(expression: str, value: Any) -> None:
    """Literals, properties, operators and functions are worth what GitHub says."""
    assert evaluate(expression, CONTEXTS) == value


def test_text_is_rendered() -> None:
    """Expressions in a text are replaced; nothing stands for a missing property."""
    text = "${{ inputs.dry-run }} r${{ github.event.client_payload.revision }}${{ inputs.no }}."
    assert render(text, CONTEXTS) == "true r7."


@pytest.mark.parametrize(
    "expression",
    [
        *("needs.build.result", "hashFiles('x')", "1 +", "inputs.", "(1", "'open", "1 2"),
        *("format('{1}', 1)", "format('{', 1)", "format('}', 1)"),
    ],
)
def test_what_is_not_known_is_refused(expression: str) -> None:
    """A context or function of a running job, and what is no expression, are errors."""
    with pytest.raises(ValueError, match=r".+"):
        evaluate(expression, CONTEXTS)
