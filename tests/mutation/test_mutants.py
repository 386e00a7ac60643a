"""The mutants of small functions, and the list of those that no test can kill."""

import textwrap
from types import ModuleType
from typing import Any

import pytest

from tests.mutation.equivalent import known
from tests.mutation.modules import MODULES
from tests.mutation.mutants import mutants, with_notes
from tests.mutation.session import source_of, transplant


@pytest.mark.parametrize(
    ("body", "change"),
    [
        ("return a < 1", "a < 1 -> a <= 1"),
        ("return a and b", "a and b -> a or b"),
        ("return not a", "not a -> a"),
        ("return a + b", "a + b -> a - b"),
        ("return a | b", "a | b -> a"),
        ("return a | b", "a | b -> b"),
        ("return 1", "1 -> 2"),
        ("return True", "True -> False"),
        ("return a", "return a -> return None"),
        ("if a: b()", "if a -> if not a"),
        ("a()", "a() -> pass"),
        ("raise ValueError('text')", "raise ValueError('text') -> pass"),
        ("return a(b=1)", "a(b=1) -> a()"),
        ("return a(b=1)", "a(b=1) -> a(b=None)"),
        ("return a(b)", "a(b) -> a(None)"),
        ("return [x for x in a if x]", "for x in a if x -> for x in a"),
    ],
)
def test_each_kind_of_fault_is_put_in(body: str, change: str) -> None:
    found = mutants(f"def f(a, b):\n    {body}\n")
    assert change in [mutant.change for mutant in found]


def test_prose_and_types_stay() -> None:
    source = '''
        def f(a: "A" = None) -> "B":
            """Text."""
            if a:
                return ValueError("text")
            raise ValueError("text", f"{a}")
    '''
    found = mutants(textwrap.dedent(source))
    assert [mutant.change for mutant in found] == [
        "if a -> if not a",
        "return ValueError('text') -> return None",
        "raise ValueError('text', f'{a}') -> pass",
    ]


def test_mutant_takes_the_place_of_the_code_that_others_imported() -> None:
    source = "class C:\n    @property\n    def f(self):\n        return 1\n"
    module = ModuleType("sample")
    module.__file__ = "sample.py"
    exec(source, vars(module))  # noqa: S102 - the source above
    imported = module.C
    mutant = next(each for each in mutants(source) if each.change == "1 -> 2")
    transplant(module, mutant)
    assert imported().f == 2


def test_each_called_function_is_noted() -> None:
    names, source = with_notes("def f(): pass\ndef g(): pass\nclass C:\n    def h(self): g()\n")
    module: dict[str, Any] = {"__called__": set()}
    exec(source, module)  # noqa: S102 - the source above
    module["C"]().h()
    assert names == ["f", "g", "C.h"]
    assert module["__called__"] == {"g", "C.h"}


def test_list_of_equivalent_mutants_names_mutants_that_exist() -> None:
    for module in MODULES:
        if listed := known(module):
            found = {(mutant.place, mutant.change) for mutant in mutants(source_of(module))}
            assert set(listed) <= found
