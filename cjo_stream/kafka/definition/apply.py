"""A definition set is applied: numbered, stored, activated, pointed at (`definition.log`).

`apply` writes the set's record, which fixes its number. Then it *stores* the set in every
partition of the internal log, and *activates* it in every partition; each step begins when all
partitions have answered the one before. Then it moves the pointer, by which intake routes. If it
is interrupted anywhere, the same `apply` continues where it stopped; another set takes the next
number, and the tasks ignore the lower one.

Two at once cannot take the same number: they write under one transactional id, so the later one
shuts the earlier one out before it reads (`writer`). The earlier one then waits for the set of the
later one; if none comes, it begins again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import count
from typing import Any, Final, NamedTuple

import msgspec

from cjo_stream import engine_here
from cjo_stream.core.answer import CanaryRow
from cjo_stream.core.message import ActivateSet, StoreSet
from cjo_stream.core.program.program import Program
from cjo_stream.definition import (
    DefinitionSet,
    heed,
    library_differences,
    succeed,
)
from cjo_stream.engine.intake import SWITCHED_OFF
from cjo_stream.engine.rollout import Live, add_live
from cjo_stream.errors import RefusalError, RetryError, UsageError
from cjo_stream.installation.answer import Applied, Status
from cjo_stream.installation.known import KnownSet, came_between, former, known_sets
from cjo_stream.installation.port import Check
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import group_id
from cjo_stream.kafka.command import ask_tasks
from cjo_stream.kafka.definition.log import (
    DefinitionLog,
    Pointer,
    Published,
    read_definitions,
)
from cjo_stream.kafka.definition.tenant import fingerprint_record, fixes_key
from cjo_stream.kafka.definition.writer import Writer
from cjo_stream.kafka.hold.shelf import read_shelves
from cjo_stream.kafka.position.position import set_numbers
from cjo_stream.kafka.topic.check import require_log
from cjo_stream.kafka.topic.name import Names
from cjo_stream.kafka.topic.wanted import channel_topics
from cjo_stream.settings import Settings

SETS_KEPT: Final = 20
"""Records of sets that stay readable, beside those that are still needed."""
APPLY_WITHIN_S: Final = 60.0
"""For all partitions to answer one step."""
STATUS_WITHIN_S: Final = 5.0
ATTEMPTS: Final = 3
"""Of an `apply` that others shut out, and then give up."""
OVERTAKEN_WITHIN_S: Final = 10.0
"""For the `apply` that shut this one out to write its set."""
OVERTAKEN_POLL_S: Final = 0.5
INTAKE_WITHIN_S: Final = 5.0
"""For a running intake to switch to the new set; one that is down switches when it starts."""
INTAKE_POLL_S: Final = 0.05
Verdicts = list[tuple[str, int, str]]
"""(journey, version, verdict) of guarded canaries."""


class _Request(NamedTuple):
    """The arguments of `apply`."""

    definitions: DefinitionSet
    on_step: Callable[[str], None]
    check: Check
    within_s: float
    keep_key: bool
    retire: bool


def apply(
    settings: Settings,
    definitions: DefinitionSet,
    on_step: Callable[[str], None] = lambda _: None,
    check: Check = lambda _: None,
    within_s: float = APPLY_WITHIN_S,
    keep_key: bool = False,
    retire: bool = False,
) -> Applied:
    """Publish a definition set; return when it is in force everywhere.

    `on_step`, `check` and `retire` are those of `Installation.apply`. Raises UsageError and
    DefinitionError for a set that may not follow the one in force, RefusalError for missing topics
    and where another `apply` was first, RetryError where a partition does not answer: the same
    `apply` then goes on where this one stopped. The first `apply` also fixes the tenant key; a
    later one only if the operator confirms it by `keep_key`.
    """
    settings.require_tenant_key()
    asked = _Request(definitions, on_step, check, within_s, keep_key, retire)
    for attempt in count(1):
        with Writer(settings) as writer:
            try:
                return _apply(settings, asked, writer)
            except RetryError:
                if not writer.is_shut_out:
                    raise
                _check_overtaken(settings, asked, writer.known)
                if attempt == ATTEMPTS:
                    raise
                on_step("another `apply` began, and gave up: going on")
    raise AssertionError("the loop ends by itself")


def _apply(settings: Settings, asked: _Request, writer: Writer) -> Applied:
    names = Names(settings.topic_prefix)
    admin = Admin(settings)
    program = asked.definitions.program
    require_log(admin, settings, names.internal, names.effect, names.held)
    admin.require([names.definition, names.reply, *channel_topics(settings, program)])
    log = read_definitions(settings, pointed=False, keep_key=asked.keep_key)
    before = log.newest
    writer.known = before.number if before is not None else 0
    asked.check(before.content if before is not None else None)
    if fixes_key(log, names.definition, keep_key=asked.keep_key):
        writer.write(fingerprint_record(settings))
    published = _next(log, asked, lambda: _live(settings, log, asked.within_s))
    number = published.number
    if number == log.pointer.number:
        return Applied(number, False, _behind(settings, asked, admin, number))
    if number not in log.sets:
        asked.on_step(f"set {number}: writing it down")
        writer.write({f"{program.topology}/{number}": msgspec.json.encode(published)})
        writer.known = number
    asked.on_step(f"set {number}: storing it in {settings.partitions} partitions")
    _step(settings, asked, published, _store(published))
    asked.on_step(f"set {number}: activating it")
    _step(settings, asked, published, _activate(published))
    asked.on_step(f"set {number}: pointing intake at it")
    pointer = Pointer(number, published.digest)
    spare = _spare(settings, asked, admin, log.sets)
    gone: dict[str, bytes | None] = {f"{program.topology}/{one}": None for one in spare}
    writer.write({program.topology: msgspec.json.encode(pointer), **gone})
    return Applied(number, True, _behind(settings, asked, admin, number))


def _spare(settings: Settings, asked: _Request, admin: Admin, sets: Iterable[int]) -> list[int]:
    """Return the sets whose records may be deleted: none where nobody can tell what is needed."""
    try:
        return outdated(sets, _needed(settings, admin))
    except (RetryError, RefusalError) as error:
        asked.on_step(f"former sets are kept, for nobody can tell which ones are needed: {error}")
        return []


def outdated(sets: Iterable[int], needed: Iterable[int]) -> list[int]:
    """Return the sets whose records may be deleted; never one that is needed, or a later one."""
    oldest = min(needed, default=math.inf)
    return [number for number in sorted(sets)[: -SETS_KEPT + 1] if number < oldest]


def _needed(settings: Settings, admin: Admin) -> Iterator[int]:
    """Yield sets that intake still routes by, or that decided commands which an operator holds."""
    for number in set_numbers(admin, group_id(settings, "intake")).values():
        if number != SWITCHED_OFF:
            yield number
    topic = Names(settings.topic_prefix).held
    for shelf in read_shelves(settings, topic, range(settings.partitions)).values():
        if shelf.oldest_set:
            yield shelf.oldest_set


def _routing(settings: Settings, admin: Admin) -> dict[str, int] | None:
    """Return the set that intake routes each topic/partition by; None where nobody can tell."""
    try:
        return set_numbers(admin, group_id(settings, "intake"))
    except RetryError:
        return None


def _behind(
    settings: Settings, asked: _Request, admin: Admin, number: int
) -> tuple[str, ...] | None:
    """Return the partitions that intake still routes by an older set after INTAKE_WITHIN_S.

    None where nobody can tell, which is said: the set is in force all the same.
    """
    until_s = time.monotonic() + INTAKE_WITHIN_S
    while True:
        try:
            found = set_numbers(admin, group_id(settings, "intake"))
        except (RetryError, RefusalError) as error:
            asked.on_step(f"set {number}: nobody can tell whether intake uses it yet: {error}")
            return None
        behind = tuple(place for place, at in found.items() if 0 < at < number)
        if not behind or time.monotonic() > until_s:
            return behind
        time.sleep(INTAKE_POLL_S)


def _next(
    log: DefinitionLog, asked: _Request, live: Callable[[], tuple[Live, Verdicts]]
) -> Published:
    """Return the set to publish: an unfinished one, or one of a new number.

    `live` asks the tasks for their live instances. Raises RefusalError where the set in force is
    not kept: it is then unknown what may follow it.
    """
    if log.pointer.number:
        log.content(log.pointer.number)
    newest, definitions = log.newest, asked.definitions
    if newest is not None and newest.digest == definitions.digest:
        return newest
    if newest is None:
        return Published(1, definitions.digest, succeed(definitions, None))
    living, verdicts = live()
    before = heed(newest.content, verdicts)
    content = succeed(definitions, before, living, retire=asked.retire)
    return Published(newest.number + 1, definitions.digest, content)


def _live(settings: Settings, log: DefinitionLog, within_s: float) -> tuple[Live, Verdicts]:
    """Return the live instances, one more of each version that customers may enter now; verdicts.

    Raises RetryError where a partition does not answer.
    """
    found, verdicts = counted(settings, within_s)
    if not log.pointer.number:
        return found, verdicts
    return with_entrants(found, log.program(log.pointer.number)), verdicts


def counted(settings: Settings, within_s: float) -> tuple[Live, Verdicts]:
    """Return the live instances of all partitions, and all verdicts of guards.

    Raises RetryError where a partition does not answer.
    """
    answers = answers_of(settings, _asking, within_s).values()
    found = add_live(live_in(answer) for answer in answers)
    return found, max((verdicts_in(answer) for answer in answers), key=len, default=[])


def verdicts_in(answer: Mapping[str, Any]) -> Verdicts:
    """Return the verdicts of guards in a task's answer."""
    return msgspec.convert(answer.get("verdicts", []), Verdicts)


def with_entrants(live: Live, program: Program) -> dict[str, dict[int, dict[str, int]]]:
    """Return live instances with one more of each version that customers may enter now."""
    found = add_live([live])
    for (name, version), journey in program.versions.items():
        low, high = journey.entrants
        if low < high:
            states = found.setdefault(name, {}).setdefault(version, {})
            states[journey.initial] = states.get(journey.initial, 0) + 1
    return found


def live_in(answer: Mapping[str, Any]) -> Live:
    """Return the live instances in a task's answer."""
    found: Live = msgspec.convert(answer.get("live", {}), Live, strict=False)
    return found


def _asking(command_id: str) -> ActivateSet:
    """Return a question for the set in force: no set has the number 0, so nothing is activated."""
    return ActivateSet(0, command_id)


_Message = Callable[[str], StoreSet | ActivateSet]


def _store(published: Published) -> _Message:
    return lambda command_id: StoreSet(published.number, published.content, command_id)


def _activate(published: Published) -> _Message:
    return lambda command_id: ActivateSet(published.number, command_id)


def _step(settings: Settings, asked: _Request, set_: Published, message: _Message) -> None:
    """Send every partition a message, and wait for all answers; raises if one refuses."""
    answers = answers_of(settings, message, asked.within_s)
    if any(answer.get("active", 0) > set_.number for answer in answers.values()):
        _check_overtaken(settings, asked, set_.number)
    check_answers(set_.number, answers.values(), Names(settings.topic_prefix).definition)


def _check_overtaken(settings: Settings, asked: _Request, known: int) -> None:
    """Raise RefusalError once another `apply` has written a set above `known`.

    Return where none has in time.
    """
    until_s = time.monotonic() + OVERTAKEN_WITHIN_S
    while True:
        newest = read_definitions(settings, pointed=False, keep_key=asked.keep_key).newest
        if newest is not None and newest.number > known:
            if newest.digest != asked.definitions.digest:
                raise RefusalError(came_between(newest.content))
            return
        if time.monotonic() > until_s:
            return
        time.sleep(OVERTAKEN_POLL_S)


def answers_of(
    settings: Settings, message: _Message, within_s: float
) -> dict[int, dict[str, Any]]:
    """Return the answer of each partition; raises RetryError where one does not answer."""
    answers = ask_tasks(settings, message, within_s)
    return answered(answers, range(settings.partitions), within_s)


def answered(
    answers: dict[int, dict[str, Any]], asked: Iterable[int], within_s: float
) -> dict[int, dict[str, Any]]:
    """Return answers; raises RetryError where a partition that was asked has none."""
    silent = sorted(set(asked) - set(answers))
    if silent:
        raise RetryError(
            f"partitions {silent} did not answer within {within_s:.0f} s: are worker and dispatch "
            "running? Then run the same command again: it goes on where it stopped"
        )
    return answers


def check_errors(answers: Collection[Mapping[str, Any]]) -> None:
    """Raise RefusalError with the errors in answers."""
    errors = sorted({str(answer["error"]) for answer in answers if answer.get("error")})
    if errors:
        raise RefusalError("; ".join(errors))


def check_answers(number: int, answers: Collection[Mapping[str, Any]], topic: str) -> None:
    """Raise RefusalError where a partition answers that set `number` is not in force there."""
    check_errors(answers)
    ahead = max((answer.get("active", 0) for answer in answers), default=0)
    if ahead > number:
        raise RefusalError(
            f"partitions run by definition set {ahead} already, and do not take set {number}: "
            f"{topic} was created anew. Write the topic's records back from a copy, each under "
            "its key, and run this one again"
        )


def current(settings: Settings) -> Program | None:
    """Return the applied set, compiled; None before the first `apply`."""
    log = read_definitions(settings)
    return log.program(log.pointer.number) if log.pointer.number else None


def in_force(settings: Settings) -> Program:
    """Return the applied set, compiled; raises UsageError before the first `apply`."""
    program = current(settings)
    if program is None:
        raise UsageError("nothing is applied yet: run `cjo-stream apply TOPOLOGY`")
    return program


def content_in_force(settings: Settings, *, keep_key: bool = False) -> bytes | None:
    """Return the newest set as it is stored, which the next must follow; None before the first.

    Raises as `apply` does.
    """
    settings.require_tenant_key()
    names = Names(settings.topic_prefix)
    admin = Admin(settings)
    require_log(admin, settings, names.internal, names.effect)
    admin.require([names.definition])
    newest = read_definitions(settings, pointed=False, keep_key=keep_key).newest
    return newest.content if newest is not None else None


def former_set(settings: Settings, number: int) -> bytes:
    """Return a set that is kept, as it was stored; raises UsageError where it is not."""
    log = read_definitions(settings, pointed=False)
    return former({n: published.content for n, published in log.sets.items()}, number)


def kept_sets(settings: Settings) -> list[KnownSet]:
    """Return the sets that are kept, the oldest first."""
    log = read_definitions(settings, pointed=False)
    return known_sets({n: published.content for n, published in log.sets.items()})


def status(settings: Settings, within_s: float = STATUS_WITHIN_S) -> Status:
    """Return which set runs where, asking every task."""
    names = Names(settings.topic_prefix)
    admin = Admin(settings)
    require_log(admin, settings, names.internal)
    admin.require([names.definition, names.reply])
    log = read_definitions(settings)
    answers = ask_tasks(settings, _asking, within_s)
    partitions = range(settings.partitions)
    governing = log.sets.get(log.pointer.number)
    return Status(
        topology=log.topology,
        applied=log.pointer.number,
        begun=log.newest.number if log.newest else 0,
        sets=known_sets({n: published.content for n, published in log.sets.items()}),
        partitions={p: answers[p]["active"] if p in answers else None for p in partitions},
        intake=_routing(settings, admin),
        instances=add_live(live_in(answer) for answer in answers.values()),
        canaries=[
            msgspec.convert(row, CanaryRow)
            for answer in answers.values()
            for row in answer.get("canaries", [])
        ],
        rolling_out={
            p: reached
            for p, answer in answers.items()
            if (reached := answer.get("reached")) is not None
        },
        libraries=library_differences(governing.content) if governing else [],
        engine=engine_here(),
    )
