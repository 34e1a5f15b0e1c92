"""A report as a page: one file, light and dark, for the screen and for paper, without a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cjo_stream.insight.drawing.funnel import bars, funnel
from cjo_stream.insight.drawing.graph import Card, Way, graph
from cjo_stream.insight.drawing.sankey import Node, sankey
from cjo_stream.insight.drawing.series import series
from cjo_stream.insight.drawing.spectrum import spectrum
from cjo_stream.insight.page.document import write_page
from cjo_stream.insight.page.style import REPORT
from cjo_stream.insight.page.table import table, text
from cjo_stream.insight.report import word
from cjo_stream.insight.report.content import (
    Bars,
    Block,
    Findings,
    Flow,
    Funnel,
    Map,
    Report,
    Section,
    Series,
    Spectrum,
    State,
    Table,
)

CLASSES: Final = ("the quicker half", "the next quarter", "up to nine in ten", "the slowest")
FLOW_PX: Final = 460.0
"""The height of the tallest column of a flow, without its gaps."""
FLOW_OF_ONE_PX: Final = 220.0


def write_html(path: Path, report: Report) -> None:
    """Write the page."""
    write_page(path, report.title, "".join(_parts(report)), style=REPORT)


def _parts(report: Report) -> Iterator[str]:
    as_of = "no record yet" if report.as_of is None else f"{word.minute(report.as_of)} UTC"
    yield f'<p class="lead">{text(report.period)} · as of {text(as_of)}</p>\n'
    if report.missing:
        yield f'<p class="missing">What is missing: {text("; ".join(report.missing))}.</p>\n'
    boxes = "".join(
        f'<div><dt>{text(one.name)}</dt><dd>{text(one.value)}</dd><dd class="about">'
        f"{text(one.about)}</dd></div>"
        for one in report.boxes
    )
    yield f"<dl>{boxes}</dl>\n"
    links = "".join(
        f'<a href="#s{number}">{text(one.title)}</a>' for number, one in enumerate(report.sections)
    )
    yield f'<nav aria-label="Sections">{links}</nav>\n'
    for number, one in enumerate(report.sections):
        yield _section(number, one)
    yield (
        "<footer>Each figure is the length of a list: the command below it prints the figure, and "
        "with <code>--list FILE</code> writes the list.</footer>\n"
    )


def _section(number: int, section: Section) -> str:
    about = f'<p class="lead">{text(section.about)}</p>\n' if section.about else ""
    kind = ' class="journey"' if any(isinstance(one, Map) for one in section.blocks) else ""
    blocks = "".join(_block(one) for one in section.blocks)
    return (
        f'<section id="s{number}"{kind}><h2>{text(section.title)}</h2>\n{about}'
        f'<div class="blocks">{blocks}</div></section>\n'
    )


def _block(block: Block) -> str:
    if isinstance(block, Findings):
        return f'<div class="block">{_findings(block)}</div>\n'
    half = " half" if isinstance(block, Funnel) or _is_of_one(block) else ""
    note = f'<p class="note">{text(block.note)}</p>' if block.note else ""
    how = f'<p class="how"><code>{text(block.command)}</code></p>' if block.command else ""
    return (
        f'<div class="block{half}"><h3>{text(block.title)}</h3>{_drawn(block)}{note}{how}</div>\n'
    )


def _findings(findings: Findings) -> str:
    if not findings.sentences:
        return "<p>Nothing stands out.</p>"
    items = "".join(
        f"<li><p>{text(one.text)}</p><details><summary>evidence</summary>"
        f"<code>{text(one.evidence)}</code></details></li>\n"
        for one in findings.sentences
    )
    return f'<ol class="findings">{items}</ol>'


def _drawn(block: Table | Funnel | Series | Flow | Map | Spectrum | Bars) -> str:
    match block:
        case Table():
            return table(block.title, block.columns, block.rows, sorts=False)
        case Funnel():
            steps = [(one.name, one.customers, word.share(one.share)) for one in block.steps]
            return funnel(steps)
        case Series():
            labels = (word.day(block.at[0]), word.day(block.at[-1]))
            return series(block.title, labels, block.values)
        case Spectrum():
            return _spectrum(block)
        case Bars():
            return bars([(one.name, one.value, one.told) for one in block.bars])
        case Flow():
            return _flow(block)
        case Map():
            return _figure(graph(block.title, [_card(block, state) for state in block.states]))


def _spectrum(found: Spectrum) -> str:
    classes = []
    for number, one in enumerate(found.classes):
        limit = "longer" if one.most_ms is None else f"up to {word.span(one.most_ms)}"
        classes.append((f"{CLASSES[number]}: {limit}", one.times))
    labels = (word.day(found.begin), word.day(found.end))
    ends, span = (found.source, found.target), (found.begin, found.end)
    return spectrum(found.title, ends, span, labels, classes)


def _figure(svg: str) -> str:
    return f'<figure tabindex="0">{svg}</figure>'


def _flow(flow: Flow) -> str:
    if not flow.links:
        return "<p>Nothing has ended yet.</p>"
    nodes = [Node(one.column, one.name, one.passages) for one in flow.nodes]
    links = [(one.source, one.target, one.passages) for one in flow.links]
    tallest = FLOW_OF_ONE_PX if _is_of_one(flow) else FLOW_PX
    return _figure(sankey(flow.title, nodes, links, tallest=tallest))


def _is_of_one(block: Block) -> bool:
    """Return whether a block is a flow from one node."""
    return isinstance(block, Flow) and sum(not node.column for node in block.nodes) < 2


def _card(map_: Map, state: State) -> Card:
    ways = [
        Way(edge.target, edge.passages, word.span(edge.p50_ms))
        for edge in map_.edges
        if edge.source == state.name
    ]
    if state.stays is None:
        about = f"ended here {word.many(state.arrivals, 'time')}"
    else:
        spans = f"{word.span(state.p50_ms)} / {word.span(state.p90_ms)}"
        about = f"{word.many(state.stays, 'stay')} · {spans}"
    return Card(state.name, about, ways, state.entries, state.stays is None)
