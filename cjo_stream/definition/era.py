"""Eras: traits, facts and cases begin anew when their definition changes.

    in the set in force    in the new set                      the customers' values
    a trait                another kind, on, when, per, keep   begin anew
                           or expression
    a fact                 another type (not: another default) begin anew
    a trait, a fact        removed                             are gone; begin anew if it returns
    service                a key by which a rule closed        cases begin anew
                           cases is closed by no rule

An *era* counts how often this happened to a name since the first `apply`; it is stored in the set,
like the ranks of identifier types. Customers keep values under slots made of name and era
(`core.program.topology.slot`), so no event, timer, merge or unmerge can mistake a value of one
definition for that of another. Other changes need no era: commands, consents and histories are
facts of the past, whichever definitions count them.
"""

from __future__ import annotations

from collections.abc import Mapping

from cjo_stream.core.expression import Expression
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Fact, Trait

CASES = "cases"


def era_of_trait(name: str) -> str:
    """Return the name of a trait's era."""
    return f"trait.{name}"


def era_of_fact(name: str) -> str:
    """Return the name of a fact's era."""
    return f"fact.{name}"


def next_eras(new: Program, old: Program, eras: Mapping[str, int]) -> dict[str, int]:
    """Return the eras of the set that follows `old`; `eras` are those of `old`."""
    begun = [
        era_of_trait(name)
        for name, trait in old.traits.items()
        if name not in new.traits or _content(new.traits[name]) != _content(trait)
    ]
    begun += [
        era_of_fact(name)
        for name, fact in old.facts.items()
        if name not in new.facts or not _same_fact(new.facts[name], fact)
    ]
    if not _closing_keys(old) <= _closing_keys(new):
        begun.append(CASES)
    return {**eras, **{name: eras.get(name, 0) + 1 for name in begun}}


def _content(trait: Trait) -> tuple[object, ...]:
    """Return the content of a trait's definition; the layout of expressions does not matter."""
    return (
        trait.kind,
        trait.on,
        _meaning(trait.when),
        _meaning(trait.value),
        trait.per_ms,
        trait.keep,
    )


def _same_fact(one: Fact, other: Fact) -> bool:
    return one.type == other.type


def _closing_keys(program: Program) -> set[str | None]:
    return {_meaning(rule.key) for rule in program.closed}


def _meaning(expression: Expression | None) -> str | None:
    return None if expression is None else expression.meaning
