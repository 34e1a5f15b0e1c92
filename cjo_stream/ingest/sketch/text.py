"""The files of a topology, as text: each line with what was seen, or what it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cjo_stream.core.word import AttributeType, NormalForm
from cjo_stream.ingest.sketch.column import numbered
from cjo_stream.ingest.sketch.layout import QUESTION, Line, key
from cjo_stream.ingest.sketch.story import Story, duration_of

_COLUMN: Final = 44
"""Where comments begin, if the line is not longer."""
_CHARACTERS_MAX: Final = 300
_EXAMPLES: Final[dict[NormalForm | None, str]] = {
    NormalForm.EMAIL: "ada@example.com",
    NormalForm.PHONE: '"+4915112345678"',
    None: "a1",
}
"""Identifiers in tests."""


def written(lines: Iterable[Line]) -> str:
    """Return lines with their comments."""
    return "".join(_written(*line) + "\n" for line in lines)


def _written(text: str, comment: str) -> str:
    if not comment:
        return text
    safe = "".join(one if one.isprintable() else " " for one in comment)
    if len(safe) > _CHARACTERS_MAX:
        safe = safe[: _CHARACTERS_MAX - 1] + "…"
    return f"{text.ljust(_COLUMN)}  # {safe}" if text else f"# {safe}"


def topology(
    name: str,
    about: Sequence[str],
    channels: Iterable[tuple[str, Sequence[Line]]],
    out: tuple[str, str],
    identifiers: Iterable[tuple[str, NormalForm | None, str]],
    events: Mapping[str, Mapping[str, AttributeType]] | None = None,
    seen: Mapping[str, int] | None = None,
    facts: Mapping[str, AttributeType] | None = None,
) -> str:
    """Return the `topology` document; `channels` are those with `in`, with what stands there."""
    lines: list[Line] = [*(("", one) for one in about)]
    lines += [
        (f"topology: {key(name)}", ""),
        ("timezone: UTC", "of customers without one of their own"),
    ]
    lines.append(("channels:", ""))
    for channel, input_ in channels:
        if not input_:
            lines.append((f"  {key(channel)}: {{in: {{}}}}", "native events"))
            continue
        lines += [(f"  {key(channel)}:", ""), ("    in:", "")]
        lines += [(f"      {text}", comment) for text, comment in input_]
    lines.append((f"  {key(out[0])}: {{out: {{address: {key(out[1])}}}}}", "where messages go"))
    if events:
        lines.append(("events:", "what comes in; another name in a definition is an error"))
        lines += _events(events, seen or {})
    lines += [("identity:", ""), ("  identifiers:", "the strongest first")]
    for type_, normal, comment in identifiers:
        normalise = f", normalise: {normal}" if normal else ""
        if normal is NormalForm.PHONE and QUESTION not in comment:
            comment += "; `region: DE` above reads numbers without a country code as of there"
        lines.append((f"    - {{type: {key(type_)}{normalise}}}", comment))
    if facts:
        lines += [("profile:", ""), ("  facts:", "what events of type cjo.profile state")]
        lines += [(f"    {key(name)}: {kind}", "") for name, kind in facts.items()]
    return written(lines)


def _events(
    events: Mapping[str, Mapping[str, AttributeType]], seen: Mapping[str, int]
) -> Iterable[Line]:
    """Yield the event types; one with the same attributes as another refers to it (YAML's *)."""
    first: dict[tuple[tuple[str, AttributeType], ...], str] = {}
    shared = Counter(tuple(attributes.items()) for attributes in events.values())
    for type_, attributes in events.items():
        number = numbered(seen[type_], "event") if type_ in seen else ""
        same = tuple(attributes.items())
        if not attributes:
            yield f"  {key(type_)}: {{}}", number
        elif same in first:
            yield f"  {key(type_)}: *{first[same]}", number
        else:
            mark = ""
            if shared[same] > 1:
                first[same] = f"as_{type_.replace('.', '_')}"
                mark = f" &{first[same]}"
            yield f"  {key(type_)}:{mark}", number
            for name, kind in attributes.items():
                yield f"    {key(name)}: {kind}", ""


def journey(story: Story, customers: int | None = None) -> str:
    """Return the first journey; `customers` are those of the sample."""
    entry, goal = key(story.entry), key(story.goal)
    seen = f"{story.entered:,} of {numbered(customers, 'customer')} had it" if customers else ""
    reached = f"{story.reached:,} of {story.entered:,} reached it" if customers else ""
    if entry == goal and customers:
        reached = "the next one: the sample has no other event"
    wait = duration_of(story.median_ms)
    took = f"half of those who reached it took {_days(story.median_ms)}" if story.median_ms else ""
    lines = [
        ("", "The first journey. A customer enters it, waits, is reminded once, and leaves."),
        ("journey: first", ""),
        ("version: 1", ""),
        (f"about: From {story.entry} to {story.goal}.", ""),
        (f"entry: {{on: {entry}}}", seen),
        (f"goal: {{on: {goal}, within: 30d, exit: true}}", reached),
        ("initial: waiting", ""),
        ("states:", ""),
        (f"  waiting: {{after: {{{wait}: reminded}}}}", took),
        ("  reminded: {enter: [{act: reminder}], after: {7d: over}}", "asks for the action"),
        ("  over: {end: not_reached}", ""),
    ]
    return written(lines)


def _days(ms: int) -> str:
    """Return a duration for people, at most the half of it wrong."""
    for unit, of_ms in (("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000)):
        if ms >= 2 * of_ms:
            return f"about {round(ms / of_ms)} {unit}"
    return f"{max(1, round(ms / 1000))} seconds"


def action(out: str) -> str:
    """Return the action that the journey asks for, on a channel."""
    return written(
        [
            ("", "What the journey has to say. The channel's own system knows the template."),
            ("action: reminder", ""),
            ("class: marketing", "or service, or transactional: the policy's rules depend on it"),
            ("treatments:", ""),
            (f"  {key(out)}: {{template: reminder_v1, payload: {{journey: \"'first'\"}}}}", ""),
        ]
    )


def policy() -> str:
    """Return the policy."""
    return written(
        [
            ("", "What holds for all actions."),
            ("policy: contact", ""),
            ("caps:", ""),
            ("  - {name: two_a_week, class: marketing, max: 2, per: 7d}", "per customer"),
        ]
    )


def cases(story: Story, taking: str, out: tuple[str, str], normal: NormalForm | None) -> str:
    """Return test cases of the first journey.

    `taking` is a channel that takes events; `out` sends, to an identifier type of a `normal` form.
    """
    sends, type_ = out
    wait = duration_of(story.median_ms)
    who = f"identifiers: {{{key(type_)}: {_EXAMPLES[normal]}}}"

    def event(of: str) -> Line:
        return f"  - event: {{type: {key(of)}, channel: {key(taking)}, {who}}}", ""

    at: Line = ("at: 2026-03-02T10:00:00Z", "")
    lines: list[Line] = [
        ("", "What the first journey does, as a test: `cjo-stream test` plays it."),
        ("test: who does not reach the goal is reminded once", ""),
        at,
        ("steps:", ""),
        event(story.entry),
        ("  - expect: {state: {first: waiting}, actions: []}", "nothing is sent at once"),
        (f"  - advance: {wait}", ""),
        (f"  - expect: {{actions: [{{action: reminder, channel: {key(sends)}}}]}}", ""),
        ("  - advance: 7d", ""),
        ("  - expect: {state: {first: over}, actions: []}", "and nothing again"),
    ]
    name, end = "who reaches the goal is left alone", "{state: {first: null}, actions: []}"
    if story.goal == story.entry:
        name, end = "the next one is the goal, and a new entry", "{state: {first: waiting}}"
    lines += [
        ("---", ""),
        (f"test: {name}", ""),
        at,
        ("steps:", ""),
        event(story.entry),
        ("  - advance: 1s", ""),
        event(story.goal),
        (f"  - expect: {end}", ""),
    ]
    return written(lines)
