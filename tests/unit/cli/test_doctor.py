"""`cjo-stream doctor`: what it looks at, what it says to do, and its exit codes."""

from __future__ import annotations

import json
import socket
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.installation import host
from tests.world.command_line import EVENTS, SHOP, Cli, cli
from tests.world.registry import Registry

__all__ = ["cli"]

TOPOLOGY = """
topology: looked_at
channels:
  web: {in: {}}
  till: {in: {format: mapped, map: {type: "'sold'", time: "timestamp(row.at)",
              identifiers: {user: row.user}}}}
identity: {identifiers: [{type: user}, {type: email, normalise: email}]}
"""
SECRET = "ada-of-the-tests"
GOOD = {
    "type": "seen",
    "time": "2026-02-25T10:00:00Z",
    "channel": "web",
    "identifiers": {"user": SECRET, "cookie": SECRET},
}


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an address at which nothing listens, and set it."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    monkeypatch.setenv("CJO_KAFKA__BOOTSTRAP_SERVERS", address)
    return address


def looked(cli: Cli, *arguments: object) -> tuple[int, dict[str, Any]]:
    done = cli("doctor", *arguments, "--json")
    return done.code, json.loads(done.out)


def of(told: dict[str, Any], area: str) -> list[dict[str, Any]]:
    return [one for one in told["findings"] if one["area"] == area]


def write(folder: Path, *rows: Any) -> tuple[Path, Path]:
    (folder / "topology.yaml").write_text(TOPOLOGY)
    path = folder / "events.jsonl"
    path.write_text(
        "".join(one if isinstance(one, str) else json.dumps(one) + "\n" for one in rows)
    )
    return folder, path


def test_every_finding_that_is_not_well_says_what_to_do(
    cli: Cli, no_broker: str, tmp_path: Path
) -> None:
    code, told = looked(cli, *write(tmp_path, *[GOOD] * 9, "{\n"), "--state", tmp_path)
    assert (code, told["problems"]) == (1, 1)
    areas = ["installed", "settings", "disk", "broker", "topology", "file"]
    assert list(dict.fromkeys(one["area"] for one in told["findings"])) == areas
    for one in told["findings"]:
        assert bool(one["do"]) == (one["level"] != "ok"), one
    (broker,) = of(told, "broker")
    assert broker["what"] == f"nothing answers at {no_broker}"
    assert len(of(told, "disk")) == 2


def test_without_kafka_nothing_is_wrong(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("cjo_stream.kafka.operator.checkup._answers", lambda server: False)
    monkeypatch.setenv("CJO_DATA_DIR", str(tmp_path / "not" / "yet"))
    done = cli("doctor", SHOP)
    assert done.code == 0, done.out
    assert "nothing answers at 127.0.0.1:9092, the default" in done.out
    assert "-> only Kafka needs it: set CJO_KAFKA__BOOTSTRAP_SERVERS" in done.out
    assert "topology   shop is valid" in done.out
    assert "time zones of tzdata 20" in done.out
    assert done.out.endswith("no problem found\n")


def test_settings_are_shown_with_their_source_and_without_secrets(
    cli: Cli, no_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CJO_TENANT_KEY", "a-very-well-kept-secret")
    done = cli("doctor")
    assert "tenant_key = ********, from CJO_TENANT_KEY" in done.out
    assert f"kafka.bootstrap.servers = {no_broker}, from CJO_KAFKA__BOOTSTRAP_SERVERS" in done.out
    assert "well-kept" not in done.out
    monkeypatch.setenv("CJO_PARTITION", "4")
    wrong = cli("doctor")
    assert (wrong.code, "did you mean CJO_PARTITIONS?" in wrong.err) == (2, True)


def test_a_broken_topology_and_a_missing_file_are_exit_2(
    cli: Cli, no_broker: str, tmp_path: Path
) -> None:
    folder, _ = write(tmp_path, GOOD)
    assert cli("doctor", folder, tmp_path / "none.jsonl").code == 2
    (folder / "topology.yaml").write_text(TOPOLOGY.replace("identity", "identty"))
    assert cli("doctor", folder).code == 2


def test_a_field_that_is_near_one_of_the_form_is_a_problem(
    cli: Cli, no_broker: str, tmp_path: Path
) -> None:
    misspelt = {**GOOD, "atributes": {"total": 5}, "tenant": SECRET}
    code, told = looked(cli, *write(tmp_path, GOOD, misspelt))
    _, found = of(told, "file")
    assert (code, found["level"], found["do"]) == (1, "problem", "did you mean `attributes`?")
    assert found["what"] == "1 event with fields that are not read: atributes"
    _, told = looked(cli, *write(tmp_path, {**misspelt, "attributes": {}}))
    assert [one["level"] for one in of(told, "file")] == ["ok"]
    ignored = told["file"]["notices"]["ignored"]
    assert ("field", "atributes, tenant", "unknown") in [
        (one["what"], one["name"], one["reason"]) for one in ignored
    ]


def test_of_a_file_it_is_shown_how_events_are_read_and_never_whose(
    cli: Cli, no_broker: str, tmp_path: Path
) -> None:
    bad = {**GOOD, "time": f"{SECRET} o'clock"}
    nobody = {**GOOD, "identifiers": {"user": "null"}}
    rows = [GOOD, {**GOOD, "type": "bought"}, bad, bad, nobody, "{" + SECRET + "\n", *[GOOD] * 9]
    folder, path = write(tmp_path, *rows)
    done = cli("doctor", folder, path)
    assert SECRET not in done.out + done.err
    assert "events.jsonl: 15 rows, 11 events; 4 rows refused" in done.out
    assert "event types: seen 10, bought 1" in done.out
    assert (
        "identifiers: 11 values of `cookie` ignored, undeclared, first in events.jsonl" in done.err
    )
    shown = cli("doctor", folder, path, "--values").out
    assert f"user: {SECRET}" in shown
    _, told = looked(cli, folder, path)
    file = told["file"]
    assert (file["rows"], file["events"], file["refused"], file["cause"]) == (15, 11, 4, None)
    assert file["first"][0] == {
        "line": 1, "type": "seen", "time": 1_772_013_600_000, "channel": "web",
        "identifiers": {"user": 1},
    }  # fmt: skip
    assert len(file["first"]) == 5
    assert [(one["reason"], one["records"], one["line"]) for one in file["refusals"]] == [
        ("invalid", 2, 3), ("unidentified", 1, 5), ("malformed", 1, 6),
    ]  # fmt: skip


def test_a_file_refused_whole_is_a_problem_with_its_cause(
    cli: Cli, no_broker: str, tmp_path: Path
) -> None:
    folder, _ = write(tmp_path)
    path = tmp_path / "a.csv"
    path.write_text("at;user\n2026-02-25T10:00:00Z;u\n")
    code, told = looked(cli, folder, path, "--channel", "till")
    (found,) = of(told, "file")
    assert (code, found["level"]) == (1, "problem")
    assert "Read it with --delimiter ';'" in found["do"]
    _, told = looked(cli, folder, path, "--channel", "till", "--delimiter", ";")
    assert of(told, "file")[0]["level"] == "ok"


def test_refusals_of_many_causes_are_twenty(cli: Cli, no_broker: str, tmp_path: Path) -> None:
    rows = [{**GOOD, "identifiers": {f"type{chr(97 + n)}": "x"}} for n in range(26)]
    _, told = looked(cli, *write(tmp_path, *rows))
    refusals = told["file"]["refusals"]
    assert (len(refusals), sum(one["records"] for one in refusals)) == (21, 26)
    assert refusals[-1]["detail"] == ""


def test_the_sample_of_a_bundled_topology_is_read(cli: Cli, no_broker: str) -> None:
    _, told = looked(cli, "shop", EVENTS)
    assert (told["file"]["refused"], told["file"]["rows"]) == (1, 710)


def test_a_registry_is_asked_if_the_settings_name_one(
    cli: Cli, no_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, told = looked(cli)
    assert of(told, "registry") == []
    with Registry() as registry:
        monkeypatch.setenv("CJO_REGISTRY__URL", registry.url)
        _, told = looked(cli)
        assert [one["level"] for one in of(told, "registry")] == ["ok"]
    _, told = looked(cli)
    (found,) = of(told, "registry")
    assert found["level"] == "problem"
    assert "gives no answer" in found["do"]
    assert "CJO_REGISTRY__URL" in found["do"]


def test_a_disk_without_room_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(host.shutil, "disk_usage", lambda path: usage(1 << 40, 0, 1 << 29))
    found = host.room("data folder", tmp_path / "x", "CJO_DATA_DIR")
    assert (found.level, found.do) == (
        "problem",
        "make room, or name another folder (CJO_DATA_DIR)",
    )


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        if name in ("pyarrow", "msgspec"):
            raise host.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(host, "version", absent)
    found = {one.what: one for one in host.installed()}
    assert found["msgspec is missing"].do == "install again: pip install cjo-stream"
    assert "pip install 'cjo-stream[parquet]'" in found["extra parquet: pyarrow is missing"].do


def test_what_events_have_undeclared_is_told(cli: Cli, no_broker: str, tmp_path: Path) -> None:
    folder, path = write(tmp_path, GOOD, {**GOOD, "type": "sen"})
    topology = folder / "topology.yaml"
    topology.write_text(topology.read_text() + "events: {seen: {}, sold: {}}\n")
    done = cli("doctor", folder, path)
    assert "1 event of a type that `events` does not declare, first in events.jsonl" in done.err
    _, told = looked(cli, folder, path)
    (found,) = told["file"]["notices"]["undeclared"]
    assert (found["channel"], found["reason"], found["times"]) == ("web", "type", 1)


@pytest.mark.parametrize(("bad", "level"), [(1, "note"), (2, "problem")])
def test_many_refused_rows_are_a_problem(
    bad: int, level: str, cli: Cli, no_broker: str, tmp_path: Path
) -> None:
    rows = [*[GOOD] * (10 - bad), *[{**GOOD, "time": "soon"}] * bad]
    _, told = looked(cli, *write(tmp_path, *rows))
    (found,) = of(told, "file")
    assert (found["level"], bool(found["do"])) == (level, True)


def test_times_that_can_only_be_seconds_are_a_problem(
    cli: Cli, no_broker: str, tmp_path: Path
) -> None:
    _, told = looked(cli, *write(tmp_path, {**GOOD, "time": 1_772_013_600}))
    read, seconds = of(told, "file")
    assert (read["level"], seconds["level"]) == ("ok", "problem")
    assert "1 value of time can only be seconds" in seconds["what"]
