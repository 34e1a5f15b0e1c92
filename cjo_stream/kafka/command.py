"""Operators' commands: items of the internal log, answered on the reply topic.

A command has an id of its own; whoever owns the state answers under it, through the effect log
and dispatch, so an answer is as old as everything that stood before the question in that log.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from cjo_stream.core.message import Find, Message, Show, identifier_key, partition_of
from cjo_stream.core.program import Program
from cjo_stream.core.record import Reply
from cjo_stream.engine.frame import control_frame
from cjo_stream.errors import RetryError, UsageError
from cjo_stream.ingest.identifier import identifier_hash
from cjo_stream.ingest.normalise import is_blocked, normaliser
from cjo_stream.kafka.client import (
    Admin,
    Outgoing,
    Sender,
    check_consumed,
    is_end,
    reader,
)
from cjo_stream.kafka.topic import Names, require_log
from cjo_stream.settings import Settings

ANSWER_WITHIN_S: Final = 10.0
SEND_WITHIN_S: Final = 10.0
POLL_S: Final = 0.1


def find(settings: Settings, program: Program, identifier: str) -> Any:
    """Return what the owner of a customer answers, who is named as `type:value`.

    Raises UsageError for an identifier that the topology cannot read, RetryError without an
    answer.
    """
    key = actor_key_of(program, settings.tenant_key_bytes(), identifier)
    command_id = uuid.uuid4().hex
    partition = partition_of(key, settings.partitions)
    answers = _ask(
        settings, {partition: (key, Find(Show(command_id)))}, command_id, 1, ANSWER_WITHIN_S
    )
    for answer in answers:
        return answer.body
    raise RetryError(
        f"no answer within {ANSWER_WITHIN_S:.0f} s: are worker and dispatch running? "
        "`cjo-stream status` shows which partitions answer"
    )


def actor_key_of(program: Program, tenant_key: bytes, identifier: str) -> str:
    """Return the actor key of an identifier written `type:value`; raises UsageError."""
    type_, _, value = identifier.partition(":")
    declared = program.identifiers.get(type_)
    if declared is None or not value:
        raise UsageError(
            f"name a customer as type:value, with a type of {', '.join(program.identifiers)}"
        )
    normal = normaliser(declared, program.region)(value)
    if normal is None or is_blocked(normal, program.blocked):
        raise UsageError(f"this is no {type_} that could name anybody")
    return identifier_key(identifier_hash(tenant_key, type_, normal))


def ask_tasks(
    settings: Settings, message: Callable[[str], Message], within_s: float
) -> dict[int, dict[str, Any]]:
    """Send every task a message, made from a command id; return the answers, by partition.

    What has not answered within the time is left out.
    """
    command_id = uuid.uuid4().hex
    asked = message(command_id)
    questions = dict.fromkeys(range(settings.partitions), ("", asked))
    answers = _ask(settings, questions, command_id, settings.partitions, within_s)
    return {answer.partition: answer.body for answer in answers}


def _ask(
    settings: Settings,
    questions: Mapping[int, tuple[str, Message]],
    command_id: str,
    wanted: int,
    within_s: float,
) -> list[Reply]:
    """Send one message a partition; return the answers, at most `wanted`, of other partitions."""
    names = Names(settings.topic_prefix)
    admin = Admin(settings)
    topics = {**require_log(admin, settings, names.internal), **admin.require([names.reply])}
    places = [(names.reply, number) for number in range(topics[names.reply].partitions)]
    replies = reader(settings, admin.ends(places))
    try:
        _send(
            settings,
            [
                Outgoing(names.internal, control_frame([question]), partition)
                for partition, question in questions.items()
            ],
        )
        answers: dict[int, Reply] = {}
        until_s = time.monotonic() + within_s
        while len(answers) < wanted and time.monotonic() < until_s:
            message = replies.poll(POLL_S)
            if message is None or is_end(message):
                continue
            if (error := message.error()) is not None:
                check_consumed(error, names.reply)
            elif message.key() == command_id.encode():
                reply = msgspec.json.decode(message.value() or b"", type=Reply)
                answers[reply.partition] = reply
        return list(answers.values())
    finally:
        replies.close()


def _send(settings: Settings, records: list[Outgoing]) -> None:
    until_s = time.monotonic() + SEND_WITHIN_S

    def give_up() -> None:
        if time.monotonic() > until_s:
            raise RetryError("the broker does not take the command: is it up?")

    Sender(settings, give_up).send(records)
