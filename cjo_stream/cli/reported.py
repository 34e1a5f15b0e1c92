"""A report on the terminal: its numbers, sentences, tables, and spark lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cjo_stream.cli.terminal import count, note, say, say_table

if TYPE_CHECKING:
    from cjo_stream.insight.report.content import Block, Flow, Funnel, Map, Report, Series

BAR: Final = 30
LINKS_SHOWN: Final = 12


def say_report(report: Report) -> None:
    """Print a report; on stderr, as of when it is and what is missing."""
    from cjo_stream.insight.report import word

    say(f"{report.title} · {report.period}")
    say()
    say_table("", ("", "#", ""), [(one.name, one.value, one.about) for one in report.boxes])
    for section in report.sections:
        say(section.title.upper())
        if section.about:
            say(section.about)
        say()
        for block in section.blocks:
            _say(block)
    as_of = (
        "no record yet"
        if report.as_of is None
        else f"records until {word.minute(report.as_of)} UTC"
    )
    note("; ".join([f"as of {as_of}", *report.missing]))


def _say(block: Block) -> None:
    from cjo_stream.insight.report import content

    match block:
        case content.Findings():
            for number, one in enumerate(block.sentences, 1):
                say(f"{number:2}. {one.text}")
            if not block.sentences:
                say("Nothing stands out.")
            say()
        case content.Table():
            rows = [["" if cell is None else cell for cell in row] for row in block.rows]
            say_table(block.title, block.columns, rows)
            if block.note:
                say(block.note)
                say()
        case content.Series():
            _say_series(block)
        case content.Funnel():
            _say_funnel(block)
        case content.Flow():
            _say_flow(block)
        case content.Map():
            _say_map(block)
        case content.Spectrum():
            pass  # a drawing; the map has its numbers
        case content.Bars():
            say_table(block.title, ("", "#"), ((one.name, one.told) for one in block.bars))


def _say_series(series: Series) -> None:
    from cjo_stream.insight.report import word

    span = f"{word.day(series.at[0])} to {word.day(series.at[-1])}"
    say(f"{series.title}  {word.spark(series.values)}  {count(series.values[-1])}  ({span})")
    say()


def _say_funnel(funnel: Funnel) -> None:
    from cjo_stream.insight.report import word

    rows = [
        (one.name, one.customers, word.share(one.share), "█" * round(BAR * (one.share or 0.0)))
        for one in funnel.steps
    ]
    say_table(funnel.title, ("step", "#customers", "#share", ""), rows)


def _say_flow(flow: Flow) -> None:
    names = [one.name for one in flow.nodes]
    rows = [(names[one.source], names[one.target], one.passages) for one in flow.links]
    say_table(flow.title, ("from", "to", "#passages"), rows[:LINKS_SHOWN])
    if len(rows) > LINKS_SHOWN:
        say(f"the first {LINKS_SHOWN} of {len(rows)}; {flow.command} prints all")
        say()


def _say_map(map_: Map) -> None:
    from cjo_stream.insight.report import word

    rows = [
        (
            one.source,
            one.target or "(leaves)",
            one.passages,
            word.span(one.p50_ms),
            word.span(one.p90_ms),
        )
        for one in map_.edges
    ]
    columns = ("from", "to", "#passages", "#half within", "#nine in ten within")
    say_table(map_.title, columns, rows)
