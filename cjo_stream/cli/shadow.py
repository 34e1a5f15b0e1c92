"""`cjo-stream report shadow`."""

from __future__ import annotations

import typer

from cjo_stream.cli.option import Json
from cjo_stream.cli.place import Results, records_of
from cjo_stream.cli.terminal import count, numbered, say, say_json, say_table
from cjo_stream.cli.unrecorded import note_unrecorded


def shadow(context: typer.Context, results: Results = None, json: Json = False) -> None:
    """Show what journeys in shadow would have sent, beside what was sent.

    `got another`: the customers who were sent something within a day of it. What is in
    shadow counts for no cap: `backtest` shows what a journey takes from others once it is live.
    """
    from cjo_stream.core import record
    from cjo_stream.insight.shadow import Shadows

    shadows = Shadows()
    records = records_of(context, results)
    for change in records.read(record.IdentityChange):
        shadows.add(change)
    for transition in records.read(record.Transition):
        shadows.add(transition)
    for decision in records.read(record.Decision):
        shadows.add(decision)
    note_unrecorded(records.switched(), "decision")
    found = shadows.rows()
    if json:
        say_json({"shadow": found, "sent": dict(sorted(shadows.sent.items()))})
        return
    if found:
        say_table(
            "In shadow",
            ("journey", "action", "channel", "#would be sent", "#customers", "#got another"),
            (
                (
                    f"{one.journey} {one.version}",
                    one.action,
                    one.channel,
                    count(one.choices),
                    count(one.customers),
                    count(one.near),
                )
                for one in found
            ),
        )
    else:
        say("no journey chose anything in shadow")
    by = ", ".join(f"{channel} {count(n)}" for channel, n in sorted(shadows.sent.items()))
    say(f"sent meanwhile: {numbered(shadows.sent.total(), 'command')}{f': {by}' if by else ''}")
