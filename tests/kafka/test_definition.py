from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from cjo_stream.core.message import Find, Show, identifier_key
from cjo_stream.definition import Authorship, load, reload
from cjo_stream.errors import RefusalError, RetryError, UsageError
from cjo_stream.governance.permit import Permit
from cjo_stream.ingest.identifier import named
from cjo_stream.insight.filling.live import SinkProcess
from cjo_stream.kafka.command import ask_actor
from cjo_stream.kafka.definition.apply import apply, current, status
from cjo_stream.kafka.definition.tenant import check_key, keep_key
from cjo_stream.kafka.operator.installation import OnKafka
from cjo_stream.kafka.process.stage import Stopping
from cjo_stream.kafka.stage.intake import IntakeProcess
from cjo_stream.kafka.stage.learn import LearnProcess
from cjo_stream.kafka.topic.check import create
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics
from tests.kafka.stages import (
    Tasks,
    in_background,
    make_dispatch,
    make_intake,
    make_topology,
    produce,
    until,
)

pytestmark = pytest.mark.kafka

TOPOLOGY = """
topology: small
channels: {web: {in: {}}}
identity: {identifiers: [{type: user_id}]}
"""


class Answering:
    """Tasks and dispatch, turned while a call waits for their answers."""

    def __init__(self, settings: Settings) -> None:
        self.stages = (Tasks(settings), make_dispatch(settings))

    def call(self, asked: Callable[[], Any]) -> Any:
        results = in_background(asked)
        until(lambda: results, *self.stages)
        if isinstance(results[0], Exception):
            raise results[0]
        return results[0]


def test_a_set_is_applied_once_and_status_says_where_it_runs(
    settings: Settings, tmp_path: Path
) -> None:
    definitions = load(make_topology(tmp_path / "one", TOPOLOGY))
    create(settings, definitions.program)
    assert current(settings) is None
    answering = Answering(settings)
    assert answering.call(lambda: apply(settings, definitions)).number == 1
    again = answering.call(lambda: apply(settings, definitions))
    assert (again.number, again.changed) == (1, False)
    seen = answering.call(lambda: status(settings))
    assert (seen.topology, seen.applied, seen.begun) == ("small", 1, 1)
    assert seen.partitions == {0: 1, 1: 1}
    other = load(make_topology(tmp_path / "two", TOPOLOGY.replace("small", "other")))
    with pytest.raises(UsageError, match="in force"):
        answering.call(lambda: apply(settings, other))


def test_an_apply_that_was_broken_off_goes_on_under_its_number(
    settings: Settings, tmp_path: Path
) -> None:
    definitions = load(make_topology(tmp_path / "one", TOPOLOGY))
    create(settings, definitions.program)
    with pytest.raises(RetryError, match="goes on where it stopped"):
        apply(settings, definitions, within_s=0.5)
    half = status(settings, within_s=0.5)
    assert (half.applied, half.begun, half.partitions) == (0, 1, {0: None, 1: None})
    answering = Answering(settings)
    done = answering.call(lambda: apply(settings, definitions))
    assert (done.number, done.changed) == (1, True)


def test_of_two_applies_at_once_one_wins_and_the_other_says_whose(
    settings: Settings, tmp_path: Path
) -> None:
    definitions = load(make_topology(tmp_path / "one", TOPOLOGY))
    create(settings, definitions.program)
    answering = Answering(settings)
    answering.call(lambda: apply(settings, definitions))
    seen = OnKafka(settings).in_force()
    candidates = {
        who: load(make_topology(tmp_path / who, f"{TOPOLOGY}# {who}\n")).signed(
            Authorship(0, who, f"{who} needs it")
        )
        for who in ("ann", "bob")
    }
    results = [
        in_background(
            lambda one=one: apply(
                settings, one, check=Permit(seen, one, None, None).check, within_s=30
            )
        )
        for one in candidates.values()
    ]
    until(lambda: all(results), *answering.stages, within_s=90)
    errors = [one for (one,) in results if isinstance(one, Exception)]
    (done,) = [one for (one,) in results if not isinstance(one, Exception)]
    (error,) = errors
    assert isinstance(error, RefusalError)
    kept = answering.call(lambda: status(settings)).sets
    assert done.changed
    assert kept[-1].number == done.number
    assert f"by {kept[-1].by.who}: {kept[-1].by.who} needs it" in str(error)
    back = reload(OnKafka(settings).former(1))
    assert answering.call(lambda: apply(settings, back)).number == done.number + 1


def with_key(settings: Settings, key: str | None) -> Settings:
    return Settings(**{**settings.model_dump(), "tenant_key": key})


@pytest.mark.parametrize("first", ["topics create", "apply"])
def test_with_another_tenant_key_nothing_starts(
    settings: Settings, tmp_path: Path, first: str
) -> None:
    definitions = load(make_topology(tmp_path / "one", TOPOLOGY))
    create(settings, definitions.program)
    other = with_key(settings, "another-key-of-16-characters-or-more")
    if first == "topics create":
        keep_key(settings)
        with pytest.raises(RefusalError, match="another installation"):
            apply(other, definitions, within_s=0.5)
        with pytest.raises(RefusalError, match="another installation"):
            keep_key(other)
    Answering(settings).call(lambda: apply(settings, definitions))

    refusing: list[Callable[[], object]] = [
        lambda: make_intake(other),
        lambda: make_dispatch(other),
        lambda: LearnProcess(other, Metrics(), Stopping()),
        lambda: check_key(other),  # the worker's
        lambda: SinkProcess(other, Metrics(), Stopping(), str(tmp_path / "layer"), 1.0).open(),
        lambda: apply(other, definitions),
        lambda: keep_key(other),
        lambda: status(other),
        lambda: OnKafka(other).named("user_id:a"),
    ]
    for start in refusing:
        with pytest.raises(RefusalError, match="CJO_TENANT_KEY") as refused:
            start()
        assert "another-key" not in str(refused.value)
    with pytest.raises(UsageError, match="this value names nobody, as user_id it is blocked"):
        OnKafka(other).named("user_id:null")
    # Who uses no key needs none; who does, does not begin with the demo's.
    none = with_key(settings, None)
    make_dispatch(none).close()
    check_key(none)
    for begin in (lambda: apply(none, definitions), lambda: OnKafka(none).named("a:a")):
        with pytest.raises(UsageError, match="CJO_TENANT_KEY"):
            begin()


def test_without_a_kept_key_or_a_pointer_an_apply_brings_them_back(
    settings: Settings, tmp_path: Path
) -> None:
    definitions = load(make_topology(tmp_path / "one", TOPOLOGY))
    create(settings, definitions.program)
    answering = Answering(settings)
    answering.call(lambda: apply(settings, definitions))
    topic, producer = (
        Names(settings.topic_prefix).definition,
        Producer(settings.kafka_properties()),
    )
    # What a null value takes out, no one takes for an installation that has none yet.
    producer.produce(topic, None, b"/tenant_key", 0)
    assert producer.flush(10) == 0
    other = with_key(settings, "another-key-of-16-characters-or-more")
    for key in (settings, other):
        with pytest.raises(RefusalError, match="apply --keep-key"):
            make_intake(key)
        with pytest.raises(RefusalError, match="apply --keep-key"):
            apply(key, definitions)
    assert not apply(settings, definitions, keep_key=True).changed
    with pytest.raises(RefusalError, match="CJO_TENANT_KEY is not the key"):
        apply(other, definitions, keep_key=True)
    producer.produce(topic, None, b"small", 0)
    assert producer.flush(10) == 0
    with pytest.raises(RefusalError, match="which set is applied"):
        make_intake(settings)
    answering = Answering(settings)  # worker and dispatch begin without it
    assert answering.call(lambda: apply(settings, definitions)).number == 1
    found = current(settings)
    assert found is not None
    assert found.number == 1


def test_an_intake_that_waits_for_the_first_apply_refuses_anothers_key(
    settings: Settings, tmp_path: Path
) -> None:
    definitions = load(make_topology(tmp_path / "one", TOPOLOGY))
    create(settings, definitions.program)
    other = with_key(settings, "another-key-of-16-characters-or-more")
    waiting = IntakeProcess(other, Metrics(), Stopping())
    Answering(settings).call(lambda: apply(settings, definitions))
    with pytest.raises(RefusalError, match="CJO_TENANT_KEY"):
        waiting.open()


def test_an_operator_finds_a_customer_by_any_of_their_identifiers(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definitions = load(make_topology(tmp_path / "one", TOPOLOGY))
    create(settings, definitions.program)
    with pytest.raises(UsageError, match="nothing is applied yet: run `cjo-stream apply"):
        OnKafka(settings).named("user_id:a")
    answering = Answering(settings)
    answering.call(lambda: apply(settings, definitions))
    intake = make_intake(settings)
    produce(
        settings,
        f"{settings.topic_prefix}event.web.v1",
        {"type": "seen", "time": 1_700_000_000_000, "identifiers": {"user_id": "ann"}},
    )
    program = current(settings)
    assert program is not None
    until(lambda: sum(lane.next for lane in intake._lanes.values()) == 1, intake)
    ann = named(program, settings.tenant_key_bytes(), "user_id:ann")
    question = lambda command_id: Find(Show(command_id))  # noqa: E731 - one line says it
    with monkeypatch.context() as patch:
        patch.setattr("cjo_stream.kafka.command.ANSWER_WITHIN_S", 0.3)
        with pytest.raises(RetryError, match="are worker and dispatch running"):
            ask_actor(settings, identifier_key(ann.hash), question)
    body = answering.call(lambda: ask_actor(settings, identifier_key(ann.hash), question))
    assert "ann" in str(body), body
    intake.close()
