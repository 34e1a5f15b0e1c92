"""The form of a `measure` document (docs/measures.md)."""

from __future__ import annotations

from cjo_stream.core.word import Per
from cjo_stream.definition.grammar.compound import Field, Record
from cjo_stream.definition.grammar.scalar import Choice
from cjo_stream.definition.grammar.word import FORMULA, NAMED, ON, TEXT

MEASURE = Record(
    "a measure",
    {
        "measure": Field(NAMED, "The measure's name.", is_required=True),
        "owner": Field(TEXT, "The team that answers for the measure."),
        "about": Field(TEXT, "What it says, for people."),
        **ON,
        "value": Field(FORMULA, "The number that an event counts: an expression. Default: 1."),
        "per": Field(
            Choice(tuple(Per), "kind of measure"),
            "`customer`: an event counts once; `journey`: at each live instance of the customer; "
            "`state`: likewise, with its state. Default: customer.",
        ),
    },
)
