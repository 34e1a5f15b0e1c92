"""One side of a backtest: a set's run over the files, as `run` does it, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final

import msgspec

from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Decision, Reward
from cjo_stream.definition import DefinitionSet
from cjo_stream.definition.advice import Seen
from cjo_stream.definition.tracer import Tracer
from cjo_stream.embedded.learning import learns
from cjo_stream.embedded.progress import Progress
from cjo_stream.embedded.recorded import Recorded, run_files
from cjo_stream.embedded.results import FileRecords
from cjo_stream.embedded.run import Summary
from cjo_stream.embedded.unread import Attributes
from cjo_stream.governance.backtest.tally import Counter, Tally
from cjo_stream.governance.backtest.trace import Trace, trace
from cjo_stream.ingest.decoder import decoder
from cjo_stream.ingest.files import choose_channel, open_files
from cjo_stream.ingest.form import Form
from cjo_stream.insight.case import cases_of_decisions
from cjo_stream.insight.estimate import Evaluation, evaluate
from cjo_stream.insight.policy import arbitrated

WEIGHT_MAX: Final = 100.0
"""The largest weight of one choice, as in `decisions evaluate`."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What both sides run over, and how: the options of `run`."""

    files: Sequence[str]
    tenant_key: bytes
    now: int
    """The timestamp of every record, ms."""
    channel: str | None = None
    sort: bool = False
    drain_ms: int = 0
    form: Form = Form()
    stdin: Path | None = None
    """A copy of standard input, where `-` is among the files."""


class Ran(msgspec.Struct, frozen=True):
    """One side's run: its summary, and what is kept of its records."""

    summary: Summary
    trace: Trace
    tally: Tally
    seen: Seen
    """The events, and the rules that they reached."""
    value: Evaluation | None
    """What another policy would have earned with this side's choices; None without one, or where
    no propensity learns."""


def run_side(
    definitions: DefinitionSet,
    order: Order,
    out: Path,
    other: Program | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Ran:
    """Run one side; its files are left in `out`, an empty folder.

    `other` is the program whose policy is evaluated with this side's choices.
    """
    if order.stdin is None:
        summary, seen = _run(definitions, order, out, report)
    else:
        with order.stdin.open("rb") as stdin:
            summary, seen = _run(definitions, order, out, report, stdin)
    counter = Counter()
    kept = trace(out, counter.look)
    value = _value(out, other) if other is not None and learns(definitions.program) else None
    return Ran(summary, kept, counter.tally(), seen, value)


def _run(
    definitions: DefinitionSet,
    order: Order,
    out: Path,
    report: Callable[[Progress], None] | None,
    stdin: IO[bytes] | None = None,
) -> tuple[Summary, Seen]:
    program = definitions.program
    tracer, attributes = Tracer(), Attributes()
    recorded = Recorded(
        files=open_files(order.files, stdin, order.form),
        decode=decoder(program, order.tenant_key),
        channel=choose_channel(program, order.channel),
        now=order.now,
        sort=order.sort,
        form=order.form,
    )
    summary = run_files(
        definitions,
        recorded,
        out,
        drain_ms=order.drain_ms,
        tenant_key=order.tenant_key,
        report=report,
        attributes=attributes,
        compile_=tracer.compile,
    )
    return summary, Seen(tracer.reached, attributes.types, attributes.span_ms)


def _value(out: Path, other: Program) -> Evaluation:
    records = FileRecords([out])
    found = cases_of_decisions(
        records.read(Decision), records.read(Reward), arbitrated(other), other.reward_window_ms
    )
    return evaluate(found.cases, clip=WEIGHT_MAX)
