"""What a fault is: how it begins, which alert is to tell it, and how its page mends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.drill.traffic import Mode

if TYPE_CHECKING:
    from tests.drill.drilling import Drill


def _nothing(_: Any) -> Any:
    return ()


class Run(NamedTuple):
    """A command of the page's mitigation, as it stands there.

    `process`: which one it starts, if it is one that goes on running. `names`: what stands there
    for others to fill in; `more`: options that a person would answer by hand.
    """

    line: str
    process: str | None = None
    names: Callable[[Drill], dict[str, str]] = lambda _: {}
    more: Callable[[Drill], tuple[str, ...]] = _nothing

    def __str__(self) -> str:
        return f"`{self.line}`"


class Hand(NamedTuple):
    """What the page's mitigation says in these words, and somebody does by hand."""

    says: str
    do: Callable[[Drill], None]

    def __str__(self) -> str:
        return self.says


class Fault(NamedTuple):
    """One fault.

    `process`: whose port the page's questions are for. `own_s`: what the engine takes to notice
    it at any speed, in seconds. `cause` may return when the fault really began, by the monotonic
    clock. `prepare`: what has to be so before. `proof`: raises AssertionError where the mending
    did not do something that the end of the alert does not show. `labels`: what its alert is to be
    about; about another process or channel it is another page.
    """

    name: str
    alert: str
    cause: Callable[[Drill], float | None]
    mend: tuple[Run | Hand, ...]
    process: str = "worker-0"
    own_s: float = 0.0
    mode: Mode = Mode.SHOPPING
    prepare: Callable[[Drill], None] | None = None
    proof: Callable[[Drill], object] = _nothing
    labels: Mapping[str, str] = {}

    def is_told_by(self, alert: str, labels: Mapping[str, str]) -> bool:
        """Return whether an alert with these labels tells of this fault."""
        return alert == self.alert and self.labels.items() <= labels.items()
