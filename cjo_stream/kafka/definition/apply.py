"""A definition set is applied: numbered, stored, activated, pointed at (`definition.log`).

`apply` writes the set's record, which fixes its number. Then it *stores* the set in every
partition of the internal log, and *activates* it in every partition; each step begins when all
partitions have answered the one before. Then it moves the pointer, by which intake routes. If it
is interrupted anywhere, the same `apply` continues where it stopped; another set takes the next
number, and the tasks ignore the lower one.

Two at once cannot take the same number: they write under one transactional id, so the later one
shuts the earlier one out before it reads.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaException, Producer

from cjo_stream.core.message import ActivateSet, StoreSet
from cjo_stream.core.program.program import Program
from cjo_stream.definition import (
    DefinitionSet,
    compile_stored,
    library_differences,
    succeed,
)
from cjo_stream.engine.intake import SWITCHED_OFF
from cjo_stream.engine.rollout import Live, add_live
from cjo_stream.errors import RefusalError, RetryError, UsageError
from cjo_stream.ingest.tenant import fingerprint
from cjo_stream.installation.answer import Applied, Population, Status
from cjo_stream.kafka.client.admin import TIMEOUT_S, Admin
from cjo_stream.kafka.client.consumer import group_id
from cjo_stream.kafka.client.error import away
from cjo_stream.kafka.client.permission import check_allowed
from cjo_stream.kafka.client.property import connect
from cjo_stream.kafka.command import ask_tasks
from cjo_stream.kafka.definition.log import (
    TENANT_KEY,
    DefinitionLog,
    Fingerprint,
    Pointer,
    Published,
    no_fingerprint,
    read_definitions,
)
from cjo_stream.kafka.position.position import set_numbers
from cjo_stream.kafka.topic.check import require_log
from cjo_stream.kafka.topic.name import Names
from cjo_stream.kafka.topic.wanted import channel_topics
from cjo_stream.settings import Settings

SETS_KEPT: Final = 20
"""Records of sets that stay readable, beside those that intake still routes by."""
APPLY_WITHIN_S: Final = 60.0
"""For all partitions to answer one step."""
STATUS_WITHIN_S: Final = 5.0
BEGIN_WITHIN_S: Final = 60.0
"""For the broker to let a writer in."""
INTAKE_WITHIN_S: Final = 5.0
"""For a running intake to switch to the new set; one that is down switches when it starts."""
INTAKE_POLL_S: Final = 0.05

_LOG = logging.getLogger(__name__)


def apply(
    settings: Settings,
    definitions: DefinitionSet,
    on_step: Callable[[str], None] = lambda _: None,
    within_s: float = APPLY_WITHIN_S,
    keep_key: bool = False,
    retire: bool = False,
) -> Applied:
    """Publish a definition set; return when it is in force everywhere.

    With `retire`, journeys whose files are gone are retired. `on_step` is called with the name of
    each step. Raises UsageError and DefinitionError for a set that may not follow the one in
    force, RefusalError for missing topics, RetryError where a partition does not answer: the same
    `apply` then goes on where this one stopped. The first `apply` also fixes the tenant key; a
    later one only if the operator confirms it by `keep_key`.
    """
    settings.require_tenant_key()
    names = Names(settings.topic_prefix)
    admin = Admin(settings)
    require_log(admin, settings, names.internal, names.effect)
    admin.require([names.definition, names.reply, *channel_topics(settings, definitions.program)])
    with _Writer(settings) as writer:
        log = read_definitions(settings, pointed=False, keep_key=keep_key)
        if fixes_key(log, names.definition, keep_key=keep_key):
            writer.write(_fingerprint(settings))
        published = _next(log, definitions, lambda: _live(settings, log, within_s), retire=retire)
        if published.number == log.pointer.number:
            return Applied(published.number, False, _behind(settings, admin, published.number))
        topology = definitions.program.topology
        if published.number not in log.sets:
            on_step(f"set {published.number}: writing it down")
            writer.write({f"{topology}/{published.number}": msgspec.json.encode(published)})
        on_step(f"set {published.number}: storing it in {settings.partitions} partitions")
        _step(settings, published, _store(published), within_s)
        on_step(f"set {published.number}: activating it")
        _step(settings, published, _activate(published), within_s)
        on_step(f"set {published.number}: pointing intake at it")
        pointer = Pointer(published.number, published.digest)
        routing = set_numbers(admin, group_id(settings, "intake")).values()
        old = outdated(log.sets, routing)
        gone: dict[str, bytes | None] = {f"{topology}/{number}": None for number in old}
        writer.write({topology: msgspec.json.encode(pointer), **gone})
    return Applied(published.number, True, _behind(settings, admin, published.number))


def fixes_key(log: DefinitionLog, topic: str, *, keep_key: bool) -> bool:
    """Return whether an `apply` fixes the tenant key; `keep_key` is the operator's confirmation.

    Raises RefusalError where sets were applied with a key that is no longer known.
    """
    if log.fingerprint is None and log.sets and not keep_key:
        raise no_fingerprint(topic, "there is none")
    return log.fingerprint is None


def outdated(sets: Iterable[int], routing: Iterable[int]) -> list[int]:
    """Return the sets whose records may be deleted; never one that intake still routes by."""
    needed = min((number for number in routing if number != SWITCHED_OFF), default=math.inf)
    return [number for number in sorted(sets)[: -SETS_KEPT + 1] if number < needed]


def keep_key(settings: Settings) -> None:
    """Fix the tenant key of an installation to which nothing was applied yet.

    Raises RefusalError where another one is fixed already; RetryError.
    """
    if settings.tenant_key_is_demo:
        return  # neither intake nor worker starts with that key
    with _Writer(settings) as writer:
        log = read_definitions(settings, pointed=False)
        if log.fingerprint is None and not log.sets:
            writer.write(_fingerprint(settings))


def _fingerprint(settings: Settings) -> dict[str, bytes | None]:
    kept = Fingerprint(fingerprint(settings.tenant_key_bytes()))
    return {TENANT_KEY: msgspec.json.encode(kept)}


def _behind(settings: Settings, admin: Admin, number: int) -> tuple[str, ...]:
    """Return the partitions that intake still routes by an older set after INTAKE_WITHIN_S."""
    until_s = time.monotonic() + INTAKE_WITHIN_S
    while True:
        found = set_numbers(admin, group_id(settings, "intake"))
        behind = tuple(place for place, at in found.items() if 0 < at < number)
        if not behind or time.monotonic() > until_s:
            return behind
        time.sleep(INTAKE_POLL_S)


def _next(
    log: DefinitionLog, definitions: DefinitionSet, live: Callable[[], Live], *, retire: bool
) -> Published:
    """Return the set to publish: an unfinished one, or one of a new number.

    `live` asks the tasks for their live instances. Raises RefusalError where the set in force is
    not kept: it is then unknown what may follow it.
    """
    if log.pointer.number:
        log.content(log.pointer.number)
    newest = log.newest
    if newest is not None and newest.digest == definitions.digest:
        return newest
    if newest is None:
        return Published(1, definitions.digest, succeed(definitions, None))
    content = succeed(definitions, newest.content, live(), retire=retire)
    return Published(newest.number + 1, definitions.digest, content)


def _live(settings: Settings, log: DefinitionLog, within_s: float) -> Live:
    """Return the live instances, and one more of each version that customers may enter now.

    Raises RetryError where a partition does not answer.
    """
    found = _counted(settings, within_s)
    if not log.pointer.number:
        return found
    return _with_entrants(found, log.program(log.pointer.number))


def _counted(settings: Settings, within_s: float) -> dict[str, dict[int, dict[str, int]]]:
    answers = _answers(settings, _asking, within_s)
    return add_live(live_in(answer) for answer in answers.values())


def _with_entrants(live: Live, program: Program) -> dict[str, dict[int, dict[str, int]]]:
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


def _step(settings: Settings, set_: Published, message: _Message, within_s: float) -> None:
    """Send every partition a message, and wait for all answers; raises if one refuses."""
    answers = _answers(settings, message, within_s)
    check_answers(set_.number, answers.values(), Names(settings.topic_prefix).definition)


def _answers(settings: Settings, message: _Message, within_s: float) -> dict[int, dict[str, Any]]:
    """Return the answer of each partition; raises RetryError where one does not answer."""
    answers = ask_tasks(settings, message, within_s)
    silent = sorted(set(range(settings.partitions)) - set(answers))
    if silent:
        raise RetryError(
            f"partitions {silent} did not answer within {within_s:.0f} s: are worker and dispatch "
            "running? Then run the same command again: it goes on where it stopped"
        )
    return answers


def check_answers(number: int, answers: Collection[Mapping[str, Any]], topic: str) -> None:
    """Raise RefusalError where a partition answers that set `number` is not in force there."""
    errors = sorted({str(answer["error"]) for answer in answers if answer.get("error")})
    if errors:
        raise RefusalError("; ".join(errors))
    ahead = max((answer.get("active", 0) for answer in answers), default=0)
    if ahead > number:
        raise RefusalError(
            f"partitions run by definition set {ahead} already, and do not take set {number}: "
            f"{topic} was created anew, or another `cjo-stream apply` came in between. Write the "
            "topic's records back from a copy, each under its key, and run this one again"
        )


class _Writer:
    """Writes the definition topic, alone: a second one shuts the first out."""

    def __init__(self, settings: Settings) -> None:
        self._topic = Names(settings.topic_prefix).definition
        self._producer = connect(
            Producer,
            {
                **settings.kafka_properties(),
                "transactional.id": group_id(settings, "apply"),
                "message.max.bytes": 8 << 20,
                "compression.type": "lz4",
            },
            logger=_LOG,
        )

    def __enter__(self) -> _Writer:
        until_s = time.monotonic() + BEGIN_WITHIN_S
        while True:
            try:
                self._producer.init_transactions(TIMEOUT_S)
                return self
            except KafkaException as error:
                # A broker that is still making the partitions of `topics create` answers late.
                if not error.args[0].retriable() or time.monotonic() > until_s:
                    raise away(error) from error

    def __exit__(self, *_: object) -> None:
        self._producer.flush(0)

    def write(self, records: dict[str, bytes | None]) -> None:
        """Write all records, or none; raises RetryError, RefusalError where it is forbidden."""
        try:
            self._producer.begin_transaction()
            for key, value in records.items():
                self._producer.produce(self._topic, value, key.encode(), partition=0)
            self._producer.commit_transaction(TIMEOUT_S)
        except KafkaException as error:
            check_allowed(error, f"to write {self._topic}")
            raise RetryError(
                f"{self._topic} could not be written ({error}): is another `apply` under way? "
                "See `cjo-stream status`, then run this one again"
            ) from error


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


def population(settings: Settings, within_s: float = STATUS_WITHIN_S) -> Population | None:
    """Return the applied set, and how many instances live, asking every task.

    None before the first `apply`; raises RetryError where a partition does not answer.
    """
    content = content_in_force(settings)
    if content is None:
        return None
    counted = _counted(settings, within_s)
    living = _with_entrants(counted, compile_stored(content))
    return Population(content=content, living=living, customers=None, counted=counted)


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
        partitions={p: answers[p]["active"] if p in answers else None for p in partitions},
        intake=set_numbers(admin, group_id(settings, "intake")),
        instances=add_live(live_in(answer) for answer in answers.values()),
        rolling_out={
            p: reached
            for p, answer in answers.items()
            if (reached := answer.get("reached")) is not None
        },
        libraries=library_differences(governing.content) if governing else [],
    )
