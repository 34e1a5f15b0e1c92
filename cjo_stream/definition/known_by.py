"""What customers are known by: identifier types of a new set beside those of the set in force."""

from __future__ import annotations

from collections.abc import Iterator

from cjo_stream.core.program.program import Program
from cjo_stream.definition.build.topology import RANK_MAX, RANK_STEP
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields
from cjo_stream.definition.refused import Refusal, What, refusal
from cjo_stream.definition.section import Definition
from cjo_stream.definition.text.node import Node


class KnownBy:
    """The topology of a new set beside the one in force: what customers are known by."""

    def __init__(
        self, new: list[Definition], old: list[Definition], program: Program, before: Program
    ) -> None:
        self._new = _topology(new)
        self._old = _topology(old)
        self._program = program
        self._before = before

    def refusals(self) -> list[Refusal]:
        """Return what changes in the identifier types by which customers are known."""
        new, old = self._program, self._before
        if new.topology != old.topology:
            return [
                self._refuse(
                    "topology",
                    new.topology,
                    self._new.where("topology"),
                    f"topology {old.topology} is in force here, not {new.topology}: "
                    "apply its folder, or name another installation (CJO_TOPIC_PREFIX)",
                )
            ]
        found = [
            self._refuse(
                "identity",
                name,
                _row(self._old, name),
                f"customers are known by identifiers of type {name}, and an applied type "
                f"must stay: declare {name} in its old place. No channel needs to send it",
            )
            for name in old.identifiers
            if name not in new.identifiers
        ]
        for name in sorted(new.identifiers.keys() & old.identifiers.keys()):
            found += self._of_values(name)
        return found

    def _of_values(self, name: str) -> Iterator[Refusal]:
        """Yield why an identifier type's values would not be those that customers have."""
        new, old = self._program, self._before
        before, after = old.identifiers[name].normalise, new.identifiers[name].normalise
        row = _row(self._new, name)
        if before != after:
            yield self._refuse(
                "identity",
                name,
                row,
                f"identifier type {name} was applied with normalise {before or 'none'}, by which "
                "customers are known: keep it, and declare a new type with the other",
            )
        elif after == "phone" and new.region != old.region:
            yield self._refuse(
                "identity",
                name,
                self._new.where("region"),
                f"values of {name}, by which customers are known, depend on the region "
                f"{old.region or 'none'}: keep it, and declare a new type for numbers of another "
                "region",
            )

    def ranks(self, fixed: dict[str, int]) -> tuple[dict[str, int], list[Refusal]]:
        """Return ranks for all types ever applied; a new type gets one between its neighbours."""
        types = list(self._program.identifiers)
        kept = [name for name in types if name in fixed]
        order = sorted(kept, key=fixed.__getitem__)
        if kept != order:
            moved = next(name for name, other in zip(kept, order, strict=True) if name != other)
            message = (
                "identifier types were applied in another order, on which customers' ids depend: "
                f"keep {', '.join(order)}"
            )
            return fixed, [self._refuse("identity", moved, _row(self._new, moved), message)]
        ranks, below = dict(fixed), 0
        for position, name in enumerate(types):
            if name not in ranks:
                following = [ranks[later] for later in types[position + 1 :] if later in fixed]
                free = _rank_between(below, min(following, default=None), ranks)
                if free is None:
                    message = (
                        f"no rank is left for identifier type {name} in this place: declare it "
                        "further down"
                    )
                    return fixed, [self._refuse("identity", name, _row(self._new, name), message)]
                ranks[name] = free
            below = ranks[name]
        return ranks, []

    def _refuse(self, what: What, name: str, node: Node, message: str) -> Refusal:
        return refusal(what, name, node, Code.KNOWN_BY, message)


def _topology(documents: list[Definition]) -> Fields:
    fields = next(one.fields for one in documents if one.kind == "topology")
    assert fields is not None
    return fields


def _row(topology: Fields, type_: str) -> Node:
    """Return the place of an identifier type; of one of a set before that, the list's."""
    identity: Fields = topology.value("identity")
    rows = (item for item in identity.items("identifiers") if item.value.value("type") == type_)
    found = next(rows, None)
    return found.node if found is not None else identity.where("identifiers")


def first_ranks(program: Program) -> dict[str, int]:
    """Return the ranks of the types of a first set."""
    return {name: type_.rank for name, type_ in program.identifiers.items()}


def _rank_between(below: int, above: int | None, taken: dict[str, int]) -> int | None:
    """Return a free rank after `below`, in the middle of the gap before `above`, if any."""
    limit = RANK_MAX + 1 if above is None else above
    wanted = below + RANK_STEP if above is None else (below + above) // 2
    used = set(taken.values())
    free = [rank for rank in range(below + 1, limit) if rank not in used]
    return min(free, key=lambda rank: (abs(rank - wanted), rank), default=None)
