"""The purposes and channels that `consented` asks for, held against classes and channels."""

from __future__ import annotations

from cjo_stream.core.expression.literal import Literal, asked
from cjo_stream.core.likeness import surely
from cjo_stream.core.profile.consent import EVERY_CHANNEL
from cjo_stream.core.word import ActionClass
from cjo_stream.definition.build.context import Context
from cjo_stream.definition.build.use import Uses
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Item
from cjo_stream.definition.text.report import quoted, unknown


def check_consents(uses: Uses, context: Context) -> None:
    """Report channels that nobody has; warn of purposes that surely misspell a class."""
    for item in uses.expressions:
        for purpose, channel in asked(item.value) if "consented" in item.value else ():
            if purpose is not None:
                _check_purpose(item, purpose[0], context)
            if channel is not None and context.declared.is_known:
                _check_channel(item, channel, context)


def _check_purpose(item: Item, purpose: str, context: Context) -> None:
    near = surely(purpose, ActionClass)
    if near not in (None, purpose.lower()):
        message = f"unknown class {quoted(purpose)}; did you mean '{near}'?"
        context.report.warn(item.node, Code.UNKNOWN, message)


def _check_channel(item: Item, channel: Literal, context: Context) -> None:
    written, column = channel
    known = context.declared.channels
    if written.lower() not in {*known, *EVERY_CHANNEL}:
        context.refuse(item, column, written, *unknown("channel", written, known))
