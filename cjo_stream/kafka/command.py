"""Operators' commands: items of the internal log, answered on the reply topic.

Each command has an id. The owner of the state answers under that id, through the effect log and
dispatch, so an answer comes behind the effects of everything before the question in that log.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from cjo_stream.core.message import ActivateSet, Message, Sweep, partition_of
from cjo_stream.core.record import Reply
from cjo_stream.engine.frame import control_frame
from cjo_stream.errors import RetryError
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import is_end, reader, reading
from cjo_stream.kafka.client.error import check_consumed
from cjo_stream.kafka.client.sender import Outgoing, Sender
from cjo_stream.kafka.topic.check import require_log
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

ANSWER_WITHIN_S: Final = 10.0
SWEEP_WITHIN_S: Final = 60.0
SEND_WITHIN_S: Final = 10.0
POLL_S: Final = 0.1


def ask_actor(settings: Settings, key: str, message: Callable[[str], Message]) -> Any:
    """Send an actor a message, made from a command id; return the answer, of whichever actor.

    Raises RetryError if there is none.
    """
    command_id = uuid.uuid4().hex
    question = {partition_of(key, settings.partitions): (key, message(command_id))}
    for answer in _ask(settings, question, command_id, 1, ANSWER_WITHIN_S):
        return answer.body
    raise RetryError(
        f"no answer within {ANSWER_WITHIN_S:.0f} s: are worker and dispatch running? "
        "`cjo-stream status` shows which partitions answer. The command is in the log and is "
        "carried out when they run: then give it again to see its answer"
    )


def ask_tasks(
    settings: Settings, message: Callable[[str], Message], within_s: float
) -> dict[int, dict[str, Any]]:
    """Send every task a message, made from a command id; return the answers, by partition.

    Partitions that have not answered within the time are left out.
    """
    partitions = range(settings.partitions)
    return ask_each(settings, lambda id_: dict.fromkeys(partitions, message(id_)), within_s)


def ask_each(
    settings: Settings, messages: Callable[[str], Mapping[int, Message]], within_s: float
) -> dict[int, dict[str, Any]]:
    """Send tasks a message each, by partition, made from a command id; return their answers.

    Partitions that have not answered within the time are left out.
    """
    command_id = uuid.uuid4().hex
    asked = messages(command_id)
    questions = {partition: ("", message) for partition, message in asked.items()}
    answers = _ask(settings, questions, command_id, len(questions), within_s)
    return {answer.partition: answer.body for answer in answers}


def sweep(settings: Settings, within_s: float = SWEEP_WITHIN_S) -> list[int]:
    """Let every task's store forget what was overwritten; return the partitions that have not.

    A task answers a Sweep before its store has done it, and the next question after.
    """
    silent: set[int] = set(range(settings.partitions))
    for question in (Sweep, _nothing):
        answers = ask_tasks(settings, question, within_s)
        silent = set(range(settings.partitions)) - set(answers)
        if silent:
            break
    return sorted(silent)


def _nothing(command_id: str) -> ActivateSet:
    """Return a question without effect: no set has the number 0."""
    return ActivateSet(0, command_id)


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
                check_consumed(error, names.reply, reading(settings))
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
