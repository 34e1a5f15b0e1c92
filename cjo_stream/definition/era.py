"""What customers keep, and when it begins anew because it is defined otherwise.

    in the set in force    in the new one                      what customers have
    a trait                another kind, on, when, per, keep   begins with the change
                           or expression
    a fact                 another type (a default aside)      begins with the change
    a trait, a fact        none                                is gone; it begins with its return
    service                no rule closes by a key that        cases begin with the change
                           one closed by before

An *era* counts how often that happened to a name since the first `apply`; it travels with the set,
as the ranks of identifier types do. Customers keep values under slots made of name and era
(`core.program.slot`), so no event, timer, merge or unmerge can take a value of one definition for
another's. What else changes leaves nothing behind that could be misread: commands, consents and
histories are facts of the past, which today's definitions count in their own way.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from cjo_stream.core.expression import Expression
from cjo_stream.core.expression.parser import parse
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Fact, Trait

CASES = "cases"


def era_of_trait(name: str) -> str:
    """Return under which name the era of a trait stands."""
    return f"trait.{name}"


def era_of_fact(name: str) -> str:
    """Return under which name the era of a fact stands."""
    return f"fact.{name}"


def next_eras(new: Program, old: Program, eras: Mapping[str, int]) -> dict[str, int]:
    """Return the eras of the set that follows `old`; `eras` are those of `old`."""
    begun = [
        era_of_trait(name)
        for name, trait in old.traits.items()
        if name not in new.traits or _said(new.traits[name]) != _said(trait)
    ]
    begun += [
        era_of_fact(name)
        for name, fact in old.facts.items()
        if name not in new.facts or not _same_fact(new.facts[name], fact)
    ]
    if not _closing_keys(old) <= _closing_keys(new):
        begun.append(CASES)
    return {**eras, **{name: eras.get(name, 0) + 1 for name in begun}}


def _said(trait: Trait) -> tuple[object, ...]:
    """Return all that makes a trait the one it is, whatever the layout of its expressions."""
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
    return None if expression is None else ast.unparse(parse(expression.text))
