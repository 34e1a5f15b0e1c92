"""The archive of a real intake: each event once, over kill -9, sets, members and transactions."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.archive.row import Row, read_row
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.process.stage import Stopping
from cjo_stream.kafka.stage import archiver
from cjo_stream.kafka.stage.intake import IntakeProcess
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Metrics
from tests.kafka.stages import make_intake, make_topology, produce, publish, until
from tests.world.archiving import archived
from tests.world.chain import Chain

pytestmark = pytest.mark.kafka

PEOPLE = Path(__file__).parent / "people"
TOPOLOGY = """
topology: small
channels: {web: {in: {}}}
identity: {identifiers: [{type: user_id}]}
"""


def event(user: str, id_: str) -> dict[str, Any]:
    return {"type": "seen", "time": 1_700_000_000_000, "id": id_, "identifiers": {"user_id": user}}


def rows(folder: Path) -> list[Row]:
    return [read_row(line) for _, lines in archived(Folder(str(folder))) for line in lines]


def ids(folder: Path) -> list[str]:
    return sorted(str(row.id) for row in rows(folder))


def came_to_pass(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < end_s, "it did not come to pass in time"
        time.sleep(0.3)


def test_members_sets_and_transactions_leave_each_event_once(
    settings_of: Callable[..., Settings], tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    settings = settings_of(archive=str(archive), archive_interval_s=1.0)
    publish(settings, make_topology(tmp_path / "topology", TOPOLOGY))
    web = f"{settings.topic_prefix}event.web.v1"
    first = make_intake(settings)
    produce(settings, web, event("ann", "a0"), b"no event", event("ann", "a1"))
    until(lambda: ids(archive) == ["a0", "a1"], first)
    # Aborted records are in no archive.
    producer = Producer({**settings.kafka_properties(), "transactional.id": web})
    producer.init_transactions(10)
    for id_, end in (("b0", producer.commit_transaction), ("no", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce(web, json.dumps(event("ann", id_)).encode(), b"a key", 0)
        producer.flush(10)
        end(10)
    until(lambda: ids(archive) == ["a0", "a1", "b0"], first)
    # A chunk that is not due is written before the next set routes.
    slow = settings.model_copy(update={"archive_interval_s": 3_600.0})
    first.close()
    second = make_intake(slow)
    produce(settings, web, event("ann", "c0"))
    until(lambda: second._archiver and second._archiver.holds, second)
    more = TOPOLOGY.replace("web: {in: {}}", "web: {in: {}}, till: {in: {}}")
    applied = publish(settings, make_topology(tmp_path / "more", more), second)
    assert applied.behind == ()
    assert ids(archive) == ["a0", "a1", "b0", "c0"]
    # One dies with a chunk in its hands; the next has it.
    produce(settings, web, event("ann", "d0"))
    until(lambda: second._archiver and second._archiver.holds, second)
    second.abandon()
    third = make_intake(slow)
    until(lambda: third._archiver and third._archiver.holds, third)
    assert ids(archive) == ["a0", "a1", "b0", "c0"]
    # Another member comes: who leaves a partition archives what it has read of it.
    other = IntakeProcess(slow.model_copy(update={"slot": "1"}), Metrics(), Stopping())
    other.open()
    until(lambda: third._lanes.keys() and other._lanes.keys(), third, other)
    until(lambda: "d0" in ids(archive), third, other)
    for number in range(9):
        produce(settings, web, event("ann", f"e{number}"), key=str(number).encode())
    ends = Admin(settings).ends([(web, p) for p in range(2)], committed=True)
    until(
        lambda: all(
            one._lanes[place].reach >= end
            for place, end in ends.items()
            for one in (third, other)
            if place in one._lanes
        ),
        third,
        other,
    )
    third.close()
    other.close()
    assert ids(archive) == ["a0", "a1", "b0", "c0", "d0", *(f"e{n}" for n in range(9))]


def test_while_the_archive_is_away_intake_says_so_and_loses_nothing(
    settings_of: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiver, "HELD_BYTES_MAX", 300)
    monkeypatch.setattr(archiver, "LATEST_S", 0.5)
    archive = tmp_path / "archive"
    archive.write_text("a file in the folder's place")
    settings = settings_of(archive=str(archive), archive_interval_s=1.0)
    publish(settings, make_topology(tmp_path / "topology", TOPOLOGY))
    web = f"{settings.topic_prefix}event.web.v1"
    intake = make_intake(settings)
    produce(settings, web, event("ann", "a0"), event("ann", "a1"))
    until(lambda: "wait for the archive" in (intake.not_ready() or ""), intake)
    produce(settings, web, event("ann", "a2"))
    for _ in range(5):
        intake.turn()
    assert [lane.next for lane in intake._lanes.values() if lane.next] == [2]
    archive.unlink()
    until(lambda: archive.is_dir() and ids(archive) == ["a0", "a1", "a2"], intake)
    assert intake.not_ready() is None
    intake.close()


@pytest.fixture
def chain(bootstrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chain]:
    monkeypatch.setenv("CJO_ARCHIVE", str(tmp_path / "archive"))
    monkeypatch.setenv("CJO_ARCHIVE_INTERVAL_S", "1")
    chain = Chain(bootstrap, tmp_path, partitions=3)
    chain.create(PEOPLE)
    chain.start(PEOPLE)
    yield chain
    chain.stop()


def test_an_intake_that_is_killed_archives_each_event_once_and_who_is_erased_leaves(
    chain: Chain, tmp_path: Path
) -> None:
    producer = Producer({"bootstrap.servers": chain.bootstrap, "log_level": 0})
    people = [f"person-{number}" for number in range(40)]
    sent = 0
    for _ in range(5):
        for _ in range(400):
            one = {"type": "visited", "time": int(time.time() * 1000), "id": f"e{sent}",
                   "identifiers": {"user": people[sent % 40]}}  # fmt: skip
            producer.produce(f"{chain.prefix}event.web.v1", json.dumps(one).encode())
            sent += 1
        assert producer.flush(10) == 0
        time.sleep(1.5)
        chain.kill("intake")
    archive = tmp_path / "archive"
    came_to_pass(lambda: len(set(ids(archive))) == sent)
    assert Counter(ids(archive)) == Counter(f"e{number}" for number in range(sent))
    assert chain.restarts["intake"] >= 5
    assert {row.channel for row in rows(archive)} == {"web"}
    came_to_pass(lambda: f"user:{people[0]}" in _history(chain, people[0]))
    # What was sent just before is taken out, too.
    last = {"type": "visited", "time": int(time.time() * 1000), "id": "last",
            "identifiers": {"user": people[0]}}  # fmt: skip
    producer.produce(f"{chain.prefix}event.web.v1", json.dumps(last).encode())
    assert producer.flush(10) == 0
    told = chain.command("customer", "erase", f"user:{people[0]}", "--yes", timeout=90)
    assert f"the archive: {sent // 40 + 1} events removed" in told
    left = rows(archive)
    assert len(left) == sent - sent // 40
    assert not [row for row in left if people[0] in str(row.identifiers)]
    # The archive is what came: run gives each of the others their visits.
    chain.command("run", str(PEOPLE), str(archive), "--out", str(tmp_path / "out"))
    lines = (tmp_path / "out" / "customers.jsonl").read_bytes().splitlines()
    visits = {json.loads(line)["traits"].get("visits") for line in lines}
    assert (len(lines), visits) == (39, {sent // 40})


def _history(chain: Chain, person: str) -> str:
    try:
        return f"user:{person} " + chain.command("customer", "history", f"user:{person}")
    except AssertionError:
        return ""
