import random
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from cjo_stream.engine.codec import META_KEY, Meta, decode_meta
from cjo_stream.engine.frame import tick_frame
from cjo_stream.errors import ClockError, UsageError
from cjo_stream.kafka.operator.replay import replay as log_replay
from cjo_stream.kafka.position import clock
from cjo_stream.settings import DEMO_TENANT_KEY, Settings
from cjo_stream.store.checkpoint import Checkpoints
from cjo_stream.store.rocks import RocksStore
from tests.kafka.lateness import behind
from tests.kafka.proxy import Proxy
from tests.kafka.workers import Installation, Worker, until

pytestmark = pytest.mark.kafka


@pytest.fixture
def installation(settings_of: Callable[..., Settings], tmp_path: Path) -> Iterator[Installation]:
    settings = settings_of(
        checkpoint_url=str(tmp_path / "checkpoints"),
        checkpoint_interval_s=2.0,
        session_timeout_ms=6_000,
    )
    installation = Installation(settings, tmp_path)
    yield installation
    installation.close()


def newest(installation: Installation, partition: int) -> int:
    """Return the offset of a partition's newest checkpoint; -1 where there is none."""
    (log,) = Path(str(installation.settings.checkpoint_url), installation.names.internal).iterdir()
    manifest = Checkpoints(str(log), f"{partition:04d}").newest()
    return -1 if manifest is None else manifest.applied


def stored_meta(settings: Settings, slot: str, partition: int) -> Meta:
    store = RocksStore(settings.data_dir / "worker" / slot / "tasks" / f"{partition:04d}")
    value = store.get(META_KEY)
    store.close()
    assert value is not None
    return decode_meta(value)


def run_load(installation: Installation, seconds: float, meanwhile: Callable[[], None]) -> None:
    """Write 400 events a second, calling `meanwhile` every twentieth of a second."""
    began = time.monotonic()
    sent = 0
    while (elapsed := time.monotonic() - began) < seconds:
        due = int(elapsed * 400)
        installation.send_events(due - sent)
        sent = due
        meanwhile()
        time.sleep(0.05)
    installation.flush()


def settle(installation: Installation) -> None:
    """Return once timers have fired, and what they caused has been handled."""
    quiet: list[tuple[float, int]] = []

    def still() -> bool:
        count = sum(map(len, installation.effects()))
        if not quiet or quiet[-1][1] != count:
            quiet.append((time.monotonic(), count))
        time.sleep(0.5)
        return count > 0 and time.monotonic() - quiet[-1][0] > 6.0

    until(still, within_s=60)


def test_killed_workers_leave_the_effects_of_a_clean_replay(installation: Installation) -> None:
    installation.create()
    installation.apply()
    workers = [installation.start("0"), installation.start("1")]
    draw = random.Random(11)
    kills = iter([2.0, 3.5, 5.0, 6.5, 1e9])
    due = [time.monotonic() + next(kills)]
    began = time.monotonic()

    def kill_now_and_then() -> None:
        if time.monotonic() < due[0]:
            return
        at = next(kills)
        due[0] = began + at
        worker = workers.pop(draw.randrange(2))
        worker.kill()
        if at == 5.0:
            # Its state is lost, as far as it has any yet: what its checkpoints lack is replayed.
            folder = installation.settings.data_dir / "worker" / worker.slot
            shutil.rmtree(folder, ignore_errors=True)
        workers.append(installation.start(worker.slot))

    run_load(installation, 8.0, kill_now_and_then)
    settle(installation)
    assert [worker.stop() for worker in workers] == [0, 0]
    effects = installation.effects()
    assert sum(map(len, effects)) > 1_000
    assert effects == installation.replay()


def test_a_frozen_worker_that_thaws_changes_nothing(installation: Installation) -> None:
    installation.create()
    installation.apply()
    workers = [installation.start("0"), installation.start("1")]
    began = time.monotonic()
    plan = [(2.0, signal.SIGSTOP), (10.0, signal.SIGCONT), (1e9, signal.SIGCONT)]

    def freeze_and_thaw() -> None:
        if time.monotonic() - began >= plan[0][0]:
            workers[0].process.send_signal(plan.pop(0)[1])

    run_load(installation, 12.0, freeze_and_thaw)
    settle(installation)
    assert [worker.stop() for worker in workers] == [0, 0]
    assert installation.effects() == installation.replay()


def test_a_worker_joins_again_while_the_groups_coordinator_is_being_loaded(
    installation: Installation, bootstrap: str, tmp_path: Path
) -> None:
    installation.create()
    installation.apply()
    with Proxy(bootstrap) as proxy:
        proxy.loading = 3
        far = behind(installation.settings, proxy)
        worker = Worker(far, "0", tmp_path / "far.log")
        installation.send_events(100)
        until(lambda: sum(map(len, installation.effects())) > 0)
        assert proxy.loading == 0
        proxy.loading = 3  # and when the group changes, while records flow
        other = installation.start("1")
        run_load(installation, 4.0, lambda: None)
        until(lambda: proxy.loading == 0)
        settle(installation)
        assert [worker.stop(), other.stop()] == [0, 0]


def test_sigterm_ends_a_worker_in_seconds_with_a_fresh_checkpoint(
    installation: Installation,
) -> None:
    installation.create()
    installation.apply()
    worker = installation.start("0")
    run_load(installation, 1.0, lambda: None)
    until(lambda: sum(map(len, installation.effects())) > 0)
    began = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - began < 10.0
    for partition in range(installation.settings.partitions):
        meta = stored_meta(installation.settings, "0", partition)
        assert meta.clean
        assert newest(installation, partition) == meta.applied > 0

    elsewhere = installation.start("elsewhere")
    before = sum(map(len, installation.effects()))
    run_load(installation, 1.0, lambda: None)
    until(lambda: sum(map(len, installation.effects())) > before)
    settle(installation)
    assert elsewhere.stop() == 0
    assert "restored the checkpoint" in elsewhere.log.read_text()
    assert installation.effects() == installation.replay()


def test_an_idle_partition_gets_the_time_each_second(installation: Installation) -> None:
    installation.create()
    installation.start("0")
    until(lambda: min(installation.ends().values()) >= 3)


def test_a_missing_topic_is_refused_with_the_command_that_mends_it(
    installation: Installation,
) -> None:
    assert "cjo-stream topics create" in installation.start("0").ends()


def test_a_wrong_number_of_partitions_is_refused(
    installation: Installation, tmp_path: Path
) -> None:
    installation.create()
    settings = installation.settings.model_copy(update={"partitions": 3})
    other = Installation(settings, tmp_path)
    said = other.start("0").ends()
    other.close()
    assert "has 2 partitions, the installation 3" in said
    assert "topics verify" in said


def test_a_log_that_would_forget_is_refused(installation: Installation) -> None:
    installation.create()
    admin = AdminClient(installation.settings.kafka_properties())
    entry = ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(
        ResourceType.TOPIC, installation.names.internal, incremental_configs=[entry]
    )
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(10)
    said = installation.start("0").ends()
    assert "cleanup.policy=compact" in said
    assert "--add-config cleanup.policy=delete" in said


def test_the_demo_key_is_refused(settings_of: Callable[..., Settings], tmp_path: Path) -> None:
    installation = Installation(settings_of(tenant_key=DEMO_TENANT_KEY), tmp_path)
    assert "CJO_TENANT_KEY" in installation.start("0").ends()


def test_a_second_process_of_a_slot_is_refused(installation: Installation) -> None:
    installation.create()
    first = installation.start("0")
    until(lambda: min(installation.ends().values()) >= 1)
    assert f"held by process {first.process.pid}" in installation.start("0").ends()
    assert first.stop() == 0


def test_a_log_that_was_cut_behind_the_state_is_refused(installation: Installation) -> None:
    installation.create()
    worker = installation.start("0")
    until(lambda: min(installation.ends().values()) >= 1)
    assert worker.stop() == 0
    installation.apply()
    admin = AdminClient(installation.settings.kafka_properties())
    places = [TopicPartition(installation.names.internal, p, -1) for p in range(2)]
    for future in admin.delete_records(places).values():
        future.result(10)
    said = installation.start("0").ends()
    assert "the internal log begins at" in said
    assert "checkpoint" in said


def test_an_internal_log_that_was_created_anew_is_refused(installation: Installation) -> None:
    installation.create()
    worker = installation.start("0")
    until(lambda: min(installation.ends().values()) >= 1)
    assert worker.stop() == 0
    admin = AdminClient(installation.settings.kafka_properties())
    admin.delete_topics([installation.names.internal])[installation.names.internal].result(10)
    until(lambda: installation.names.internal not in admin.list_topics(timeout=5).topics)
    installation.create()
    assert "created anew" in installation.start("0").ends()


def test_a_worker_that_stopped_at_a_clock_goes_on_by_an_operators_word(
    installation: Installation,
) -> None:
    installation.create()
    installation.apply()
    worker = installation.start("0")
    ahead = int(time.time() * 1000) + 3 * 3_600_000
    installation.send_frame(0, tick_frame(ahead))
    (offset,) = re.findall(r"cjo-stream clock accept 0 (\d+)", worker.ends())
    for place, words in (
        ((0, int(offset) - 1), "has no clock that stops a worker"),
        ((0, int(offset) + 100), "holds no record at offset"),
        ((installation.settings.partitions, int(offset)), "has no partition"),
    ):
        with pytest.raises(UsageError, match=words):
            clock.accept(installation.settings, *place)
    passed = clock.accept(installation.settings, 0, int(offset))
    assert (passed.partition, passed.clock) == (0, ahead)

    again = installation.start("0")
    installation.send_events(200)
    installation.flush()
    installation.send_frame(0, tick_frame(ahead))  # the sender says so still
    settle(installation)
    assert again.stop() == 0
    replayed: list[list[bytes]] = [[] for _ in range(installation.settings.partitions)]
    for at, effect in log_replay(installation.settings, None):
        replayed[at.partition].append(effect.value)
    assert installation.effects() == replayed
    with pytest.raises(ClockError):
        installation.replay()  # which has not heard of the word
