"""Runs the tests against mutants, each in a forked process of a session that has collected them.

A fork costs little, and takes every effect of a mutant with it: it gets the code of the mutant in
place of the function's own, runs the tests that call this function, the fastest first, and ends
with the first failure.
"""

import ast
import builtins
import gc
import importlib
import inspect
import json
import os
import resource
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import hypothesis
import pytest

from tests.mutation.mutants import Mutant, with_notes

SECONDS = 3
"""The CPU time that a mutant gets at least. One that needs more is killed: it does not end."""
TIMES = 2
"""How many times as long as its tests without a fault, which are measured, a mutant may take."""
EXAMPLES = 30
"""How many examples of a property each mutant is tried with."""
UNMEASURED = 3600
"""The CPU time of the tests that are measured."""
WALL = 60
"""How many times as long as its CPU time a process may take, since the machine may be busy. A
mutant that waits for ever is killed then."""


class Session:
    """A plugin of pytest that runs all mutants of one module in place of the tests.

    `survivors` are the mutants with which every test passes, and `tests` is the number of tests
    that call the module.
    """

    def __init__(self, module: str, mutants: Sequence[Mutant], processes: int) -> None:
        self._name, self._mutants, self._processes = module, mutants, processes
        self.survivors: list[Mutant] = []
        self.tests = 0

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure which tests call which function, and then run the mutants."""
        hypothesis.settings.register_profile(
            "mutation", max_examples=EXAMPLES, database=None, deadline=None, derandomize=True,
            phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
            suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
        hypothesis.settings.load_profile("mutation")
        module = importlib.import_module(self._name)
        calls = _measured(session, module)
        self.tests = len({test for tests in calls.values() for test in tests})
        gc.freeze()  # a collection in a forked process would copy every page that it shares
        running: dict[int, Mutant] = {}
        for mutant in self._mutants:
            tests = calls.get(mutant.place)
            if tests is None:
                # Of a constant, every test may depend.
                tests = {} if "." in mutant.place or _is_function(module, mutant) else calls[""]
            chosen = sorted(tests, key=tests.__getitem__)
            seconds = SECONDS + int(TIMES * sum(tests.values()))
            pid = _forked(lambda: _passes(session, module, mutant, chosen), seconds)  # noqa: B023
            running[pid] = mutant
            if len(running) >= self._processes:
                self._reap(running)
        while running:
            self._reap(running)
        return True

    def _reap(self, running: dict[int, Mutant]) -> None:
        pid, status = os.wait()
        mutant = running.pop(pid)
        if status == 0:
            self.survivors.append(mutant)


def _is_function(module: ModuleType, mutant: Mutant) -> bool:
    return inspect.isroutine(getattr(module, mutant.place, None))


def _forked(act: Callable[[], bool], seconds: int) -> int:
    """Start a process that ends with status 0 if `act` returns True."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(WALL * seconds)
        status = 0 if act() else 1
    finally:
        os._exit(status)


def _passes(
    session: pytest.Session, module: ModuleType, mutant: Mutant, tests: Sequence[str]
) -> bool:
    transplant(module, mutant)
    items = {item.nodeid: item for item in session.items}
    return all(_passed(session, [items[test] for test in tests]))


def _passed(session: pytest.Session, items: Sequence[pytest.Item]) -> Iterator[bool]:
    for item, following in zip(items, [*items[1:], None], strict=True):
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        yield session.testsfailed == 0


def _measured(session: pytest.Session, module: ModuleType) -> dict[str, dict[str, float]]:
    """Return the seconds of each test that calls a function, by the function's name.

    The name of the module itself is empty: it has every test that calls one of its functions.
    """
    reader, writer = os.pipe()
    pid = _forked(lambda: _measure(session, module, writer), UNMEASURED)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    if os.waitpid(pid, 0)[1] or not told:
        raise pytest.UsageError("the tests fail without any mutant: run them first")
    calls: dict[str, dict[str, float]] = json.loads(told)
    return calls


def _measure(session: pytest.Session, module: ModuleType, writer: int) -> bool:
    calls: defaultdict[str, dict[str, float]] = defaultdict(dict)
    called = _noted(module)
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        began = time.process_time()
        called.clear()
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        seconds = time.process_time() - began
        for function in called | ({""} if called else set()):
            calls[function][item.nodeid] = seconds
    calls[""] = calls[""]
    with os.fdopen(writer, "w") as pipe:
        json.dump(calls, pipe)
    return session.testsfailed == 0


def _noted(module: ModuleType) -> set[str]:
    """Return a set to which each function of the module that is called adds its name."""
    called: set[str] = set()
    vars(builtins)["__called__"] = called
    names, source = with_notes(source_of(module.__name__))
    for name in names:
        transplant(module, Mutant(name, "a note of each call", 0, source))
    return called


def transplant(module: ModuleType, mutant: Mutant) -> None:
    """Give the module's function the code of its mutant, or the constant its other value."""
    names: dict[str, Any] = {"__name__": module.__name__, "__file__": module.__file__}
    code = compile(ast.parse(mutant.source), str(module.__file__), "exec", dont_inherit=True)
    exec(code, names)  # noqa: S102 - the project's own source, with one fault
    first, *rest = mutant.place.split(".")
    old, new = getattr(module, first), names[first]
    if not rest and not inspect.isroutine(old):
        setattr(module, first, new)
        return
    for name in rest:
        old, new = vars(old)[name], vars(new)[name]
    to, source = _function(old), _function(new)
    to.__code__ = source.__code__
    to.__defaults__, to.__kwdefaults__ = source.__defaults__, source.__kwdefaults__


def _function(value: Any) -> FunctionType:
    """Return the function within a method, a property or a decorated function."""
    for name in ("__func__", "fget", "func"):
        value = getattr(value, name, value)
    function = inspect.unwrap(value)
    if not isinstance(function, FunctionType):
        raise TypeError(f"{value!r} has no code of its own")
    return function


def source_of(module: str) -> str:
    """Return the source of a module."""
    return Path(*module.split(".")).with_suffix(".py").read_text("utf-8")
