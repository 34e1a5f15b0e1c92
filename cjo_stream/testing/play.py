"""Plays one case, step by step.

given            before the first event of each customer, with no journey listening
event, record    by the driver, at the clock unless the case says when
advance, apply   time moves on; other definitions come into force
expect           `look` says what is found
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import msgspec

from cjo_stream.core.event import Identifier
from cjo_stream.core.text import moment_text
from cjo_stream.definition import DefinitionSet
from cjo_stream.definition.case import Advance, Apply, Case, Expect, Send, SendRaw
from cjo_stream.definition.text.source import Position
from cjo_stream.definition.tracer import Tracer
from cjo_stream.errors import UsageError
from cjo_stream.testing.compare import Finding
from cjo_stream.testing.driver import TopologyDriver
from cjo_stream.testing.hint import Came
from cjo_stream.testing.look import Look


@dataclass
class Result:
    """How a case ended: what was found at each `expect`, and what had come by then."""

    case: Case
    looks: list[tuple[Expect, list[Finding], Came]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failed(self) -> list[tuple[Expect, list[Finding], Came]]:
        """The expectations that were not met, each with what differs."""
        unmet = ((e, [one for one in found if not one.is_met], c) for e, found, c in self.looks)
        return [look for look in unmet if look[1]]


def play(case: Case, definitions: DefinitionSet, content: bytes, tracer: Tracer) -> Result:
    """Play a case against definitions, and note in `tracer` which of their rules it reached.

    `content` is the set as it is stored.
    """
    begun = time.perf_counter()
    result = Result(case)
    driver = TopologyDriver(definitions, compile_=tracer.compile, content=content)
    player, look = _Player(case, driver, tracer), Look(case, driver)
    for step in case.steps:
        if isinstance(step, Send):
            player.send(step)
        elif isinstance(step, SendRaw):
            player.send_raw(step)
        elif isinstance(step, Advance):
            player.advance(step)
        elif isinstance(step, Apply):
            player.apply(step)
        else:
            result.looks.append((step, list(look.at(step)), look.came()))
            look.turn_page()
    last = result.looks[-1]
    last[1].extend((*player.not_done, *look.refused(last[0])))
    player.trace_records()
    result.seconds = time.perf_counter() - begun
    return result


class _Player:
    def __init__(self, case: Case, driver: TopologyDriver, tracer: Tracer) -> None:
        self._case = case
        self._tracer = tracer
        self._driver = driver
        self._driver.advance_to(case.start_ms)
        self.not_done: list[Finding] = []
        """Steps that could not be taken."""

    # --- steps

    def send(self, event: Send) -> None:
        """Send an event; before the first of a customer, what is given."""
        driver = self._driver
        at = driver.clock if event.time is None else event.time
        if self._case.gives:
            found = driver.identified(event.identifiers, event.channel)
            self._give(found, event.channel, at)
        driver.try_send(
            event.type,
            at=at,
            channel=event.channel,
            identifiers=event.identifiers,
            attributes=event.attributes,
            id=event.id,
        )

    def send_raw(self, record: SendRaw) -> None:
        """Send a record; before the first event of a customer, what is given."""
        value = msgspec.json.encode(record.value)
        at = self._driver.clock if record.time is None else record.time
        if self._case.gives:
            for event in self._driver.events_of(value, channel=record.channel, at=at):
                self._give(event.identifiers, record.channel, event.time)
        self._driver.try_send_raw(value, channel=record.channel, at=at)

    def advance(self, step: Advance) -> None:
        """Move time on; a record may have moved it further than to a time that is named."""
        clock = self._driver.clock
        to_ms = clock + step.by_ms if step.by_ms is not None else step.to_ms or 0
        if to_ms < clock:
            self._fail(step.at, "advance", f"the clock stands at {moment_text(clock)} already")
        self._driver.advance_to(to_ms)

    def apply(self, step: Apply) -> None:
        """Put other definitions in force, or note why they may not follow."""
        try:
            self._driver.apply(step.definitions)
        except UsageError as error:
            self._fail(step.at, "apply", *str(error).splitlines())

    def _fail(self, at: Position, step: str, *why: str) -> None:
        found = Finding(at, step, None, "done", "refused", is_met=False, hints=list(why))
        self.not_done.append(found)

    def _give(self, found: list[Identifier], channel: str, at: int) -> None:
        """Send what is given before the first event of a customer, which is at `at`."""
        if not found or self._is_known(found):
            return
        anchor, before = found[0], min(at, self._driver.clock) - 1
        stated = [("cjo.consent", dict(one)) for one in self._case.consent]
        facts = [("cjo.profile", self._case.facts)] if self._case.facts else []
        self._tracer.muted = True
        for type_, attributes in (*facts, *stated):
            self._driver.send(
                type_,
                at=before,
                channel=channel,
                identifiers={anchor.type: anchor.value},
                attributes=attributes,
            )
        self._tracer.muted = False

    def _is_known(self, found: list[Identifier]) -> bool:
        """Return whether an event with these identifiers comes to a customer that exists.

        It does by its strongest identifier, or where a holder of another has room for that one.
        """
        anchor = found[0]
        limit = self._driver.program.identifiers[anchor.type].limit
        hashes = {one.hash for one in found}
        for customer in self._driver.customers():
            if anchor.hash in customer.members:
                return True
            held = sum(member.type == anchor.type for member in customer.members.values())
            if held < limit and hashes & customer.members.keys():
                return True
        return False

    def trace_records(self) -> None:
        """Note the entries and the gates that records tell of."""
        actions = self._driver.program.actions
        classes = {name: str(action.class_) for name, action in actions.items()}
        for decision in self._driver.decisions():
            self._tracer.judge(decision, classes)
