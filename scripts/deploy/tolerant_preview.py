"""A preview of all stacks, which continues if the preview of one stack fails."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from phaseline.deploy.change_sets import DeclaredStack, StackResult
from phaseline.deploy.execute import Preview
from phaseline.errors import PhaselineError


@dataclass(frozen=True)
class TolerantPreview(Preview):
    """A preview that continues after errors. `failures` has the error of each failed stack."""

    failures: dict[str, PhaselineError] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def stack(
        self, declared: DeclaredStack, needs: Mapping[str, StackResult | None]
    ) -> StackResult:
        """Return the changes of a stack, or a result without changes if the preview fails."""
        try:
            return super().stack(declared, needs)
        except PhaselineError as error:
            with self.lock:
                self.failures[declared.name] = error
            return StackResult(declared.name, "update")
