"""The archive from the command line: run, backtest, doctor, and a person who leaves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cjo_stream import definition
from cjo_stream.cli.archive import Erasing
from cjo_stream.core.word import ArchiveForm
from cjo_stream.ingest.archive.forget import Person
from cjo_stream.ingest.archive.row import read_row
from tests.world.archiving import Folder, archive_of, archived, raw_of
from tests.world.command_line import SHOP, Cli, cli

__all__ = ["cli"]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return the folder of an archive of the shop's events."""
    program = definition.load(SHOP).program
    folder = tmp_path / "archive"
    archive_of(raw_of("shop", program), program, str(folder), ArchiveForm.JSONL)
    return folder


def kept_in(folder: Path) -> tuple[object, ...]:
    return "--out", folder / "out", "--state", folder / "state"


def identifiers_in(folder: Path) -> set[tuple[str, str]]:
    rows = [read_row(line) for _, lines in archived(Folder(str(folder))) for line in lines]
    found = set()
    for row in rows:
        assert isinstance(row.identifiers, dict)
        found |= {(type_, one) for type_, of in row.identifiers.items() for one in of}
    return found


@pytest.mark.slow
def test_a_customer_who_is_erased_leaves_the_archive_and_the_state_reads_on(
    cli: Cli, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, run = tmp_path / "state", ("run", SHOP, archive, "--state", tmp_path / "state")
    assert cli(*run, "--out", tmp_path / "out").code == 0
    rows = map(json.loads, (tmp_path / "out" / "customers.jsonl").read_bytes().splitlines())
    row = max(rows, key=lambda row: (len(row["identifiers"]), row["events"]))
    theirs = {(type_, one) for type_, of in row["identifiers"].items() for one in of}
    before = identifiers_in(archive)
    assert theirs & before
    monkeypatch.setenv("CJO_ARCHIVE", str(archive))
    user = f"user_id:{row['identifiers']['user_id'][0]}"
    done = cli("customer", "erase", user, "--state", state, "--yes", "--json")
    assert done.code == 0, done.err
    proof = json.loads(done.out)["archive"]
    assert proof["events"] >= 1
    assert proof["files"] >= 1
    assert proof["not_archived_yet"] == []
    assert not theirs & identifiers_in(archive)
    assert not [value for _, value in theirs if value in done.out]
    again = cli(*run, "--out", tmp_path / "again", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["events"] == 0
    told = cli("archive", "erase", "user_id:u26-999999", user, "--state", state, "--yes")
    assert (told.code, told.out) == (0, "the archive: 0 events removed, from 0 files\n")


def test_a_persons_events_leave_by_an_identifier_that_no_customer_has(
    cli: Cli, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("run", SHOP, archive, *kept_in(tmp_path)).code == 0
    type_, value = next(one for one in sorted(identifiers_in(archive)) if one[0] == "user_id")
    monkeypatch.setenv("CJO_ARCHIVE", archive.as_uri())
    name = f"{type_}:{value}"
    done = cli("archive", "erase", name, "--state", tmp_path / "state", "--yes", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["events"] >= 1
    assert (type_, value) not in identifiers_in(archive)


def test_without_an_archive_nothing_is_erased_from_one(
    cli: Cli, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    assert cli("run", SHOP, archive, *kept_in(tmp_path)).code == 0
    asked = ("archive", "erase", "user_id:u1", "--state", state, "--yes")
    done = cli(*asked)
    assert done.code == 2
    assert "set CJO_ARCHIVE" in done.err
    monkeypatch.setenv("CJO_ARCHIVE", str(archive))
    assert cli(*asked).code == 0


@pytest.mark.slow
def test_a_backtest_reads_an_archive_at_a_url(cli: Cli, archive: Path, tmp_path: Path) -> None:
    days = sorted(path.name for path in archive.iterdir())
    assert len(days) > 1
    url = archive.as_uri()
    done = cli("backtest", SHOP, SHOP, url, "--out", tmp_path / "all", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["changed"], told["commands"]) == (0, 0)
    some = cli("backtest", SHOP, SHOP, f"{url}/{days[0]}*", "--out", tmp_path / "day", "--json")
    assert some.code == 0, some.err
    assert 0 < json.loads(some.out)["events"]["live"] < told["events"]["live"]


def test_doctor_writes_to_the_archive_and_says_if_it_cannot(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> tuple[str, str]:
        findings = json.loads(cli("doctor", "--json").out)["findings"]
        (found,) = [one for one in findings if one["area"] == "archive"]
        return found["level"], found["what"]

    monkeypatch.setenv("CJO_ARCHIVE", str(tmp_path / "archive"))
    assert told()[0] == "ok"
    assert not list((tmp_path / "archive").iterdir())
    (tmp_path / "file").touch()
    monkeypatch.setenv("CJO_ARCHIVE", str(tmp_path / "file"))
    assert told()[0] == "problem"
    monkeypatch.setenv("CJO_ARCHIVE", "memroy://x")
    assert "did you mean memory://" in told()[1]
    monkeypatch.setenv("CJO_ARCHIVE_FORMAT", "parqet")
    refused = cli("doctor")
    assert refused.code == 2
    assert "parquet" in refused.err


class Lagging:
    """An installation whose intake does not come after."""

    def unarchived(self, on_wait: Callable[[], None]) -> list[str]:
        on_wait()
        on_wait()
        return ["cjo.event.web.v1/0"]


def test_what_intake_has_not_archived_in_time_is_told_and_no_erasure_is_claimed(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    erasing = Erasing(str(archive))
    person = Person(frozenset([("user_id", "u26-1"), ("email", "ada@x.example")]))
    erasing.begin(person)
    installation: Any = Lagging()
    erasing.end(installation)
    assert erasing.proof()["not_archived_yet"] == ["cjo.event.web.v1/0"]
    assert erasing.close() == 1
    told = capsys.readouterr().err
    assert told.count("waiting until intake") == 1
    assert "give the same command again" in told
