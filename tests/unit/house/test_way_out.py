"""What a refusal says to do is done here, and it goes on.

Here stand the ways out that no test of a promise takes anyway; `refusals` lists them all.
"""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from cjo_stream import settings as settings_
from cjo_stream.core.message import Propose
from cjo_stream.definition import load
from cjo_stream.embedded.delivery import SUFFIX
from cjo_stream.embedded.installation import open_installation
from cjo_stream.errors import (
    CjoError,
    InputError,
    InvariantError,
    LockedError,
    RebuildError,
    RefusalError,
    RetryError,
    UsageError,
)
from cjo_stream.ingest import files, order
from cjo_stream.ingest.identifier import named
from cjo_stream.kafka.client.place import Topic
from cjo_stream.kafka.client.property import check_address, check_names, connect
from cjo_stream.kafka.local import broker
from cjo_stream.kafka.operator.replay import _numbers
from cjo_stream.kafka.worker.faust import credentials
from cjo_stream.settings import Settings, unknown_variables
from cjo_stream.simulate.fault import Faults
from cjo_stream.simulate.traffic import open_world
from cjo_stream.store.rocks import RocksStore
from cjo_stream.telemetry import Health, Metrics, serve
from cjo_stream.testing import TopologyDriver
from tests.world.command_line import Cli, cli
from tests.world.handling import fail_handlers
from tests.world.partition_folder import CUT, PartitionFolder, leave_store

__all__ = ["cli"]


TOPOLOGY = """\
topology: NAME
channels: {web: {in: {}}}
identity: {identifiers: [{type: email, normalise: email}]}
profile: {traits: {visits: {count: visit}}}
---
journey: j
version: 1
entry: {on: visit}
initial: only
states: {only: {end: over}}
"""
EVENT = {
    "type": "visit",
    "channel": "web",
    "time": "2026-03-01T10:00:00Z",
    "identifiers": {"email": "ann@example.com"},
}


def topology(folder: Path, name: str = "small") -> Path:
    place = folder / name
    place.mkdir(exist_ok=True)
    (place / "t.yaml").write_text(TOPOLOGY.replace("NAME", name))
    return place


def events(folder: Path, *more: dict[str, Any]) -> Path:
    path = folder / "events.jsonl"
    path.write_text("".join(json.dumps({**EVENT, **one}) + "\n" for one in more or ({},)))
    return path


def goes(cli: Cli, words: str, refused: list[object], mended: list[object]) -> None:
    """One command line is refused with these words, the one that they ask for is not."""
    done = cli(*refused)
    assert done.code in (1, 2), done
    assert words in done.err
    done = cli(*mended)
    assert done.code == 0, done.err


# --- commands


def test_commands_go_on_as_their_refusals_say(cli: Cli, tmp_path: Path) -> None:
    small, input_ = topology(tmp_path), events(tmp_path)
    out, state = tmp_path / "out", tmp_path / "state"
    run = ["run", small, input_, "--out", out, "--state", state]
    moment = "2026-03-01T12:00:00Z"
    goes(cli, f"write {moment[:11]}", [*run, "--now", "noon"], [*run, "--now", moment])
    again = ["run", small, input_, "--out", tmp_path / "more"]
    goes(cli, "--drain", [*again, "--drain", "soon"], [*again, "--drain", "1h", "--force"])
    goes(cli, "leave out one", [*run, "--cores", 2], [*run, "--cores", 1, "--force"])
    (tmp_path / "file").write_text("")
    elsewhere = ["run", small, input_, "--out"]
    goes(cli, "name another folder", [*elsewhere, tmp_path / "file"], [*elsewhere, tmp_path / "n"])
    show = ["customer", "show", "email:ann@example.com", "--state"]
    goes(cli, "name the folder", [*show, tmp_path / "no"], [*show, state])
    lift = ["report", "lift", out, "--value"]
    goes(cli, "customers.jsonl there shows", [*lift, "colour"], [*lift, "visits"])
    goes(cli, "--out folder", ["report", "lift", tmp_path / "no"], ["report", "lift", out])
    other = ["run", topology(tmp_path, "other"), input_, "--out", tmp_path / "other-out"]
    goes(cli, "another folder", [*other, "--state", state], [*other, "--state", tmp_path / "new"])
    (out / "decisions.jsonl").write_text("{}\n")
    evaluate = ["decisions", "evaluate", out, "uniform"]
    assert "run again" in cli(*evaluate).err
    assert cli(*run[:-2], "--force").code == 0
    assert not cli(*evaluate).err


def test_simulate_goes_on_as_its_refusals_say(cli: Cli, tmp_path: Path) -> None:
    made = ["--people", 1, "--duration", "1h", "--out", tmp_path / "made"]
    start = ["--start", "2026-03-01T10:00:00Z"]
    goes(cli, "is for files", ["simulate", "shop", "--kafka", *start], ["simulate", "shop", *made])
    assert cli("simulate", "shop", *made[:-1], tmp_path / "b", *start).code == 0
    answer = ["simulate", "lending", "--kafka", "--answer"]
    goes(cli, "leave --answer out", answer, ["simulate", "lending", *made[:-1], tmp_path / "c"])
    shutil.copytree(Path(__file__).parents[3] / "topologies" / "shop", tmp_path / "shop")
    described = tmp_path / "shop" / "topology.yaml"
    described.write_text(described.read_text().replace("{in: {}", "{in: {registry: avro}", 1))
    on_kafka = ["simulate", tmp_path / "shop", "--kafka", *made[:-2]]
    in_files = ["simulate", tmp_path / "shop", *made[:-1], tmp_path / "d"]
    goes(cli, "simulated traffic is plain JSON", on_kafka, in_files)


def test_a_folder_that_cannot_be_written_to_may_be_so_later(cli: Cli, tmp_path: Path) -> None:
    input_ = events(tmp_path, {}, {"identifiers": {"email": "bob@example.com"}})
    state = tmp_path / "state"
    run = ("run", topology(tmp_path), input_, "--out", tmp_path / "o", "--state", state)
    assert cli(*run).code == 0
    beside = state.with_name(state.name + SUFFIX)
    beside.write_text("in the way")
    erase = ("customer", "erase", "email:bob@example.com", "--yes", "--state", state)
    refused = cli(*erase)
    assert refused.code == 2
    assert "let this user write there" in refused.err
    beside.unlink()
    assert cli(*erase).code == 0


def test_a_state_folder_without_customers_has_some_after_a_run(cli: Cli, tmp_path: Path) -> None:
    small, state = load(topology(tmp_path)), tmp_path / "state"
    with open_installation(small, tmp_path / "o", state=state):
        pass
    with_nobody = RocksStore(state / "log")
    for key, _ in list(with_nobody.scan(b"", b"\xff" * 8)):
        if key[:1] not in (b"n",):
            with_nobody.write([(key, None)])
    with_nobody.close()
    show = ("customer", "show", "email:ann@example.com", "--state", state)
    assert "`run` something on it" in cli(*show).err
    shutil.rmtree(state)
    run = ("run", topology(tmp_path), events(tmp_path), "--out", tmp_path / "p", "--state", state)
    assert cli(*run).code == 0
    assert cli(*show).code == 0


class KilledError(BaseException):
    """The process is gone."""


def test_who_is_in_the_middle_of_a_merge_is_told_of_once_the_run_has_gone_on(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = topology(tmp_path)
    text = (small / "t.yaml").read_text().replace("[{type: email", "[{type: user}, {type: email")
    (small / "t.yaml").write_text(text)
    ann = {"email": "ann@example.com"}
    both = {"identifiers": {**ann, "user": "u"}}
    input_ = events(tmp_path, {}, {"identifiers": {"user": "u"}}, both)
    state = tmp_path / "state"
    run = ["run", small, input_, "--out", tmp_path / "o", "--state", state, "--partitions", 3]
    with monkeypatch.context() as patch:
        # Its sender waits for the answer; the two lie in different partitions.
        fail_handlers(patch, Propose, KilledError, bad=lambda message: True)
        with pytest.raises(KilledError):
            cli(*run)
    erase = ["customer", "erase", "email:ann@example.com", "--yes", "--state", state]
    refused = cli(*erase)
    assert refused.code == 2
    assert "in the middle of a merge: start it again first" in refused.err
    assert cli(*run).code == 0
    assert cli(*erase).code == 0


# --- input


def raw(record: Any) -> InputError:
    return InputError("read", str(record.offset))


@pytest.mark.parametrize(
    ("name", "wrong", "words", "right"),
    [
        ("e.csv", b"a,a\n1,2\n", "rename one", b"a,b\n1,2\n"),
        ("e.csv", b",,b\n1,2,3\n", "name them in the first row", b"a,c,b\n1,2,3\n"),
        ("e.csv", b"a,\xff\n1,2\n", "in UTF-8", b"a,b\n1,2\n"),
        ("e.csv", b"a,b\r1,2\r", "CR alone; write it with LF", b"a,b\n1,2\n"),
        ("e.csv", b'"a"b,c\n1,2\n', "name the columns there", b"b,c\n1,2\n"),
        ("e.jsonl.gz", b"no gzip", "present and whole", None),
    ],
)
def test_a_file_is_read_once_it_is_mended(
    tmp_path: Path, name: str, wrong: bytes, words: str, right: bytes | None
) -> None:
    path = tmp_path / name
    path.write_bytes(wrong)
    with pytest.raises(UsageError, match=words):
        list(files.read([str(path)], raw, channel=None, now=0))
    if right is None:
        path = tmp_path / "e.jsonl"
        right = b"{}\n"
    path.write_bytes(right)
    assert len(list(files.read([str(path)], raw, channel=None, now=0))) == 1


def test_a_file_that_is_no_parquet_is_written_again(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "e.parquet"
    path.write_bytes(b"none")
    with pytest.raises(UsageError, match="present and whole"):
        list(files.read([str(path)], raw, channel=None, now=0))
    parquet.write_table(pyarrow.table({"a": [1]}), path)
    assert len(list(files.read([str(path)], raw, channel=None, now=0))) == 1


def test_a_line_that_is_no_object_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"a": 1}\n[\n')
    with pytest.raises(UsageError, match=r"line 2.*mend that line"):
        list(files.objects(str(path)))
    path.write_text('{"a": 1}\n{}\n')
    assert len(list(files.objects(str(path)))) == 2


def test_sorting_goes_on_where_there_is_room(tmp_path: Path) -> None:
    with pytest.raises(RetryError, match="set TMPDIR to another folder"):
        order._spill([], tmp_path / "none" / "run-0")
    assert order._spill([], tmp_path / "run-0").exists()


def test_an_identifier_is_found_as_it_is_written(tmp_path: Path) -> None:
    program = load(topology(tmp_path)).program
    for wrong, words in (
        ("ann@example.com", "TYPE:VALUE"),
        ("mail:ann@example.com", "only email"),
        ("email:ann", "how is it written"),
        ("email:unknown", "name another one"),
    ):
        with pytest.raises(UsageError, match=words):
            named(program, b"key", *[wrong])
    assert named(program, b"key", "email:ann@example.com").value == "ann@example.com"


def test_a_driver_goes_on_as_its_refusals_say(tmp_path: Path) -> None:
    driver = TopologyDriver(topology(tmp_path))
    ann = {"email": "ann@example.com"}
    with pytest.raises(UsageError, match="write 2026-03-01T10:00:00Z"):
        driver.send("visit", at="2026-03-01T10:00:00", channel="web", identifiers=ann)
    driver.send("visit", at="2026-03-01T10:00:00Z", channel="web", identifiers=ann)
    with pytest.raises(UsageError, match="use email"):
        driver.customer("mail:ann@example.com")
    assert driver.customer("email:ann@example.com")


def test_traffic_is_made_of_values_within_range() -> None:
    asked: dict[str, Any] = {"people": 1, "seed": 1, "start_ms": 0, "duration_ms": 60_000}
    wrong: list[dict[str, Any]] = [{"people": 0}, {"haste": 0}, {"faults": Faults(late=2.0)}]
    for one in wrong:
        with pytest.raises(UsageError):
            open_world("shop", **{**asked, **one})
    with pytest.raises(UsageError, match=r"no traffic model .* only for: "):
        open_world("small", **asked)
    for topology_ in ("shop", "telco"):
        assert open_world(topology_, **asked, haste=2, faults=Faults(late=0.5))


# --- settings


def test_settings_are_taken_once_they_are_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in settings_.environment():
        monkeypatch.delenv(name)
    file = tmp_path / "settings.toml"
    for wrong, words in (
        ("partition = 3", "did you mean `partitions`"),
        ("partitions 3", "mend that place"),
        ("partitions = 0", "partitions"),
    ):
        file.write_text(wrong)
        with pytest.raises(UsageError, match=words):
            settings_.load(file)
    with pytest.raises(UsageError, match="name another file with --config"):
        settings_.load(tmp_path / "none.toml")
    file.write_text("partitions = 3")
    assert settings_.load(file).partitions == 3
    monkeypatch.setenv("CJO_PARTITION", "5")
    with pytest.raises(UsageError, match="did you mean CJO_PARTITIONS"):
        unknown_variables()
    monkeypatch.delenv("CJO_PARTITION")
    monkeypatch.setenv("CJO_PARTITIONS", "5")
    assert unknown_variables() == []
    assert settings_.load(file).partitions == 5
    monkeypatch.setenv("CJO_KAFKA", "no JSON")
    with pytest.raises(UsageError, match="settings --help"):
        settings_.load(file)
    monkeypatch.setenv("CJO_KAFKA", '{"linger_ms": 5}')
    assert settings_.load(file).kafka_properties()["linger.ms"] == "5"
    with pytest.raises(UsageError, match="set CJO_TENANT_KEY to a secret"):
        settings_.load(file).require_tenant_key()
    monkeypatch.setenv("CJO_TENANT_KEY", "a secret of one's own")
    settings_.load(file).require_tenant_key()


def test_properties_are_taken_once_they_are_mended() -> None:
    with pytest.raises(UsageError, match=r"did you mean linger\.ms"):
        check_names({"linger.m": "5"})
    check_names({"linger.ms": "5"})
    with pytest.raises(UsageError, match="set another value"):
        connect(Producer, {"linger.ms": "soon"})
    connect(Producer, {"linger.ms": "5"})
    with pytest.raises(UsageError, match="set CJO_KAFKA__BOOTSTRAP_SERVERS"):
        check_address(Settings(kafka={"bootstrap_servers": "nobody.invalid:9092"}))
    check_address(Settings(kafka={"bootstrap_servers": "127.0.0.1:9092"}))


def test_the_worker_takes_the_credentials_that_it_asks_for() -> None:
    store = {"security.protocol": "ssl", "ssl.keystore.location": "x.p12"}
    told: list[tuple[dict[str, str], str, dict[str, str]]] = [
        ({"security.protocol": "sasl"}, "sasl_plaintext", {"security.protocol": "plaintext"}),
        (
            {"security.protocol": "sasl_plaintext", "sasl.mechanism": "OAUTHBEARER"},
            "use PLAIN",
            {"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN"},
        ),
        (store, "as files", {"security.protocol": "ssl"}),
    ]
    for wrong, words, right in told:
        with pytest.raises(UsageError, match=words):
            credentials(wrong)
        credentials({"sasl.username": "me", "sasl.password": "secret", **right})


def test_metrics_are_served_at_a_free_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with pytest.raises(RefusalError, match="set CJO_METRICS_PORT to a free port"):
            serve(Metrics(), Health(), "127.0.0.1", port, tmp_path)
    serve(Metrics(), Health(), "127.0.0.1", 0, tmp_path).close()


# --- stores


def test_a_store_that_is_held_is_open_once_it_is_let_go(tmp_path: Path) -> None:
    held = RocksStore(tmp_path / "store")
    with pytest.raises(LockedError, match="wait for its end"):
        RocksStore(tmp_path / "store")
    held.close()
    RocksStore(tmp_path / "store").close()


def test_a_disk_that_was_in_the_way_is_used_again(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(RetryError, match="Then start again"):
        RocksStore(in_the_way / "store")
    store = RocksStore(tmp_path / "store")
    with pytest.raises(RetryError, match="cannot be made"):
        store.checkpoint(str(in_the_way / "copy"))
    in_the_way.unlink()
    store.checkpoint(str(in_the_way / "copy"))
    store.close()
    RocksStore(in_the_way / "store").close()


def test_a_local_broker_has_a_port_once_one_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        monkeypatch.setattr(broker, "PORTS", range(port, port + 1))
        with pytest.raises(RetryError, match="end what has them"):
            broker.free_port()
    assert broker.free_port() == port


def test_a_partition_that_there_is_is_replayed() -> None:
    topic = Topic("internal", "id", partitions=2, replicas=1)
    with pytest.raises(UsageError, match="only 0 to 1"):
        _numbers(topic, 2)
    assert _numbers(topic, 1) == [1]


def test_a_store_that_does_not_open_is_moved_aside_and_comes_back_from_a_copy(
    tmp_path: Path,
) -> None:
    path, copy = tmp_path / "store", tmp_path / "copy"
    store = RocksStore(path)
    store.write([(b"a", b"1")])
    store.close()
    shutil.copytree(path, copy)
    (path / "CURRENT").write_text("garbage")
    with pytest.raises(RebuildError, match="move it aside"):
        RocksStore(path)
    path.rename(tmp_path / "aside")
    shutil.copytree(copy, path)
    again = RocksStore(path)
    assert again.get(b"a") == b"1"
    again.close()


@pytest.mark.parametrize("damage", ["missing", "another's"])
def test_of_a_spoilt_checkpoint_the_manifest_goes_and_the_one_before_is_taken(
    tmp_path: Path, damage: str
) -> None:
    host = PartitionFolder(tmp_path)
    host.save(600)
    before = host.copies.newest()
    host.save(700)
    newest = host.copies.newest()
    assert before is not None
    assert newest is not None
    kept = {file.sha256 for file in before.files}
    for file in newest.files:
        path = tmp_path / "checkpoints" / "3" / "files" / file.sha256
        if damage == "missing" and file.sha256 not in kept:
            path.unlink()
    if damage == "another's":
        newest = msgspec.structs.replace(
            newest, files=[msgspec.structs.replace(newest.files[0], name="../else")]
        )
    with pytest.raises(RebuildError, match=r"[dD]elete"):
        host.copies.restore(newest, tmp_path / "there")
    max((tmp_path / "checkpoints" / "3" / "manifests").iterdir()).unlink()
    assert host.opened(CUT) == 600


def test_a_checkpoint_of_other_state_than_it_says_goes_and_the_one_before_is_taken(
    tmp_path: Path,
) -> None:
    host = PartitionFolder(tmp_path)
    host.save(600)
    leave_store(tmp_path / "other", 650)
    host.copies.save(tmp_path / "other", 700)
    with pytest.raises(RebuildError, match="delete its manifest"):
        host.opened(CUT)
    max((tmp_path / "checkpoints" / "3" / "manifests").iterdir()).unlink()
    assert host.opened(CUT) == 600


# --- ours


def test_a_fault_of_ours_says_what_to_report() -> None:
    told = str(InvariantError("an item of 9 bytes; the bound is 8"))
    assert told.startswith("an item of 9 bytes; the bound is 8. This is a fault of cjo-stream")
    assert "report it with this line" in told
    assert isinstance(InvariantError("x"), CjoError)


def test_a_record_that_was_refused_is_taken_once_it_is_mended(cli: Cli, tmp_path: Path) -> None:
    """Whatever the reason: a dead letter names the record, and the rest goes on meanwhile."""
    small = topology(tmp_path)
    wrong = events(tmp_path, {"identifiers": {}}, {"time": "yesterday"}, {"type": "a visit"}, {})
    out, state = tmp_path / "out", tmp_path / "state"
    assert cli("run", small, wrong, "--out", out, "--state", state).code == 0
    letters = [json.loads(x) for x in (out / "dead_letters.jsonl").read_bytes().splitlines()]
    assert [letter["offset"] for letter in letters] == [1, 2, 3]
    assert all(letter["detail"] for letter in letters)
    mended = events(tmp_path, *[{"time": f"2026-03-01T11:0{n}:00Z"} for n in range(3)])
    mended = mended.rename(tmp_path / "mended.jsonl")
    again = cli("run", small, mended, "--out", tmp_path / "b", "--state", state, "--json")
    assert json.loads(again.out)["events"] == 3
    assert not (tmp_path / "b" / "dead_letters.jsonl").read_bytes()
