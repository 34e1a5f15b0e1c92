"""A person's erasure comes to its end, whatever stops it on the way, and wherever events lie."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from cjo_stream import definition
from cjo_stream.core.word import ArchiveForm
from cjo_stream.embedded.operator import InFolder
from cjo_stream.ingest.archive.content import pack
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.archive.name import Lane, path_of
from cjo_stream.ingest.archive.row import Row, read_row
from tests.world.archiving import archive_of, archived, raw_of
from tests.world.command_line import SHOP, Cli, cli, copied

__all__ = ["cli"]

USER = "user_id"


class Desk:
    """A state folder of the shop, an archive, and one customer who has commands.

    Made in a folder where there is none yet.
    """

    def __init__(self, cli: Cli, tmp_path: Path) -> None:
        self.cli = cli
        self.folder = tmp_path / "archive"
        self.archive = Folder(str(self.folder))
        self.state, out = tmp_path / "state", tmp_path / "out"
        if not self.state.exists():
            program = definition.load(SHOP).program
            archive_of(raw_of("shop", program), program, str(self.folder), ArchiveForm.JSONL)
            assert cli("run", SHOP, self.folder, "--state", self.state, "--out", out).code == 0
        commands = [*map(json.loads, (out / "actions.jsonl").read_bytes().splitlines())]
        rows = map(json.loads, (out / "customers.jsonl").read_bytes().splitlines())
        known = {row["customer_id"]: row for row in rows if USER in row["identifiers"]}
        command = next(one for one in commands if one["customer_id"] in known)
        self.action_id: str = command["action_id"]
        self.customer: dict[str, Any] = known[command["customer_id"]]
        self.named = f"{USER}:{self.customer['identifiers'][USER][0]}"

    def erase(self) -> Any:
        return self.cli("customer", "erase", self.named, "--state", self.state, "--yes", "--json")

    def late(self, number: int = 1, **fields: Any) -> str:
        """Let intake archive one more event of the customer; return the file's path."""
        given = {"time": 1, "identifiers": self.customer["identifiers"], "attributes": {}}
        lane = Lane("late.v1", "a/broker+s-id", 0)
        row = Row(
            type="cjo.outcome",
            received_at=1,
            topic=lane.topic,
            topic_id=lane.topic_id,
            partition=0,
            offset=number,
            **given | fields,
        )
        path = path_of(lane, 5, number, ArchiveForm.JSONL)
        content = pack([msgspec.json.encode(row)], number, ArchiveForm.JSONL)
        assert self.archive.create(path, content)
        return path

    def left(self) -> int:
        """Return how many events in the archive are the customer's, by identifier or command."""
        theirs = {(t, one) for t, of in self.customer["identifiers"].items() for one in of}
        number = 0
        for _, lines in archived(self.archive):
            for row in map(read_row, lines):
                assert isinstance(row.identifiers, dict)
                assert isinstance(row.attributes, dict)
                has = {(type_, one) for type_, of in row.identifiers.items() for one in of}
                named = str(row.attributes.get("action_id"))
                number += bool(has & theirs) or named.startswith(self.customer["customer_id"])
        return number


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the first test that needs a desk makes it; others copy it."""
    return tmp_path_factory.mktemp("desk")


@pytest.fixture
def desk(cli: Cli, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    Desk(cli, made)
    copied(made, tmp_path)
    found = Desk(cli, tmp_path)
    monkeypatch.setenv("CJO_ARCHIVE", str(found.folder))
    return found


@pytest.mark.parametrize("dies_in", ["order", "sweep", "unarchived", "kept"])
def test_an_erasure_that_was_killed_is_given_again_and_comes_to_its_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    whole = getattr(InFolder, dies_in)

    def killed(*arguments: Any) -> NoReturn:
        whole(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(InFolder, dies_in, killed)
        assert desk.erase().code == 130
    (order,) = desk.folder.glob("erasures/*.order")
    assert order.stat().st_mode & 0o777 == 0o600
    desk.late(1)
    desk.late(2, time=4_000_000_000_000)
    assert desk.left() == 2
    again = desk.erase()
    assert again.code == 0, again.err
    proof = json.loads(again.out)
    assert proof["customer_id"] == desk.customer["customer_id"]
    is_known = dies_in != "order"
    assert (proof["erased_at"] is not None) == is_known
    assert proof["removed"]["events"] == desk.customer["events"]
    # Where the time of the erasure is known, a later event is of somebody who came after it.
    assert proof["archive"]["events"] == 2 - is_known
    assert desk.left() == is_known
    # It is whole now: nothing of the person is kept for another attempt.
    assert not list(desk.folder.glob("**/*.order"))
    assert desk.erase().code == 2


def test_what_was_left_of_an_earlier_erasure_leaves_with_the_next_customer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def killed(*arguments: Any) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(InFolder, "unarchived", killed)
        assert desk.erase().code == 130
    (order,) = desk.folder.glob("erasures/*.order")
    erased_at = json.loads(order.read_bytes())["answer"]["erased_at"]
    theirs = {"attributes": {"action_id": desk.action_id}, "identifiers": {}}
    desk.late(1, **theirs)
    desk.late(2, **theirs, time=erased_at + 1)
    event = {
        "type": "cjo.profile", "time": 1_790_000_000_000, "channel": "web",
        "identifiers": {USER: desk.named.partition(":")[2]}, "attributes": {},
    }  # fmt: skip
    file = tmp_path / "more.jsonl"
    file.write_text(json.dumps(event) + "\n")
    run = ("run", SHOP, file, "--state", desk.state, "--now", "2027-01-01T00:00:00Z")
    assert desk.cli(*run, "--out", tmp_path / "more").code == 0
    done = desk.erase()
    assert done.code == 0, done.err
    assert f"customer {desk.customer['customer_id']}, whose erasure did not come" in done.err
    proof = json.loads(done.out)
    assert proof["removed"]["events"] == 1
    (earlier,) = proof["earlier"]
    assert earlier["customer_id"] == desk.customer["customer_id"] != proof["customer_id"]
    assert earlier["removed"]["events"] == desk.customer["events"]
    assert earlier["erased_at"]
    assert desk.left() == 0
    assert not list(desk.folder.glob("**/*.order"))


def test_outcomes_that_name_a_command_alone_leave_by_the_identifiers(desk: Desk) -> None:
    desk.late(1, identifiers={}, attributes={"action_id": desk.action_id})
    desk.late(2, identifiers={}, attributes={"action_id": "0" * len(desk.action_id)})
    desk.late(3, identifiers={}, attributes={"action_id": 7})
    before = desk.left()
    assert before > 1
    names = [f"{type_}:{one}" for type_, of in desk.customer["identifiers"].items() for one in of]
    done = desk.cli("archive", "erase", *names, "--state", desk.state, "--yes", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["events"] == before
    assert desk.left() == 0
    assert [len(lines) for path, lines in archived(desk.archive) if "late" in path] == [0, 1, 1]


def test_an_unpacked_file_is_erased_from_as_others_are(desk: Desk) -> None:
    packed = desk.folder / desk.late(1)
    packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()) + b"\n")
    other = Row(type="x", time=1, identifiers={USER: ["nobody"]}, attributes={}, received_at=1,
                topic="t", topic_id="i", partition=0, offset=1)  # fmt: skip
    with packed.with_suffix("").open("ab") as file:
        file.write(msgspec.json.encode(other) + b"\n")
    done = desk.erase()
    assert done.code == 0, done.err
    assert packed.with_suffix("").read_bytes() == msgspec.json.encode(other) + b"\n"
    packed.with_suffix("").unlink()
    assert desk.left() == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["jsonl.gz", "jsonl", "parquet"])
def test_a_file_that_cannot_be_read_is_named_and_nothing_else_is_erased(
    desk: Desk, name: str
) -> None:
    rubbish = desk.folder / "day=1970-01-01" / f"late.v1~id~0~{0:020d}.{name}"
    rubbish.parent.mkdir()
    rubbish.write_bytes(b"rubbish")
    refused = desk.erase()
    assert refused.code == 1
    assert "1 file (" in refused.err
    assert "of the archive cannot be read" in refused.err
    assert f"day=1970-01-01/{rubbish.name}" in refused.err
    assert "the events are out of all files that can be read" in refused.err
    show = desk.cli("customer", "show", desk.named, "--state", desk.state)
    assert show.code == 0
    rubbish.rename(desk.folder / "rubbish")
    (desk.folder / "rubbish").unlink()
    assert desk.left() == 0
    assert desk.erase().code == 0


def test_a_file_that_comes_meanwhile_and_cannot_be_read_keeps_the_erasure_open(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rubbish = desk.folder / "day=1970-01-01" / f"late.v1~id~0~{0:020d}.jsonl"

    def comes(*_: Any) -> list[str]:
        rubbish.parent.mkdir()
        rubbish.write_bytes(b"rubbish")
        return []

    with monkeypatch.context() as patched:
        patched.setattr(InFolder, "unarchived", comes)
        done = desk.erase()
    assert done.code == 1
    (unread,) = json.loads(done.out)["archive"]["unreadable"]
    assert unread.startswith(f"day=1970-01-01/{rubbish.name}: ")
    assert "give the same command again" in done.err
    rubbish.unlink()
    assert desk.erase().code == 0
    assert not list(desk.folder.glob("**/*.order"))


@pytest.mark.slow
def test_an_order_about_a_customer_who_was_never_erased_takes_nothing_from_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: Any) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(InFolder, "order", killed)
        assert desk.erase().code == 130
    kinds = desk.customer["identifiers"]
    other = next(f"{t}:{of[0]}" for t, of in kinds.items() if t != USER)
    at = ("--state", desk.state, "--yes")
    unlinked = desk.cli("customer", "unlink", other, *at)
    assert unlinked.code == 0, unlinked.err
    desk.late(identifiers={USER: kinds[USER]})
    assert desk.left() == 1
    done = desk.cli("customer", "erase", other, *at, "--json")
    assert desk.left() == 1
    assert f"customer {desk.customer['customer_id']} was to be erased, and perhaps" in done.err
    assert (
        "is of a customer who stays. To erase that one, too, give `cjo-stream customer" in done.err
    )
    assert [one.stem for one in desk.folder.glob("**/*.order")] == [desk.customer["customer_id"]]
    assert desk.erase().code == 0
    assert desk.left() == 0
    assert not list(desk.folder.glob("**/*.order"))


def test_archive_erase_leaves_an_erasure_that_is_not_done_open(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(InFolder, "sweep", lambda _: [3])
        assert desk.erase().code == 1
    done = desk.cli("archive", "erase", desk.named, "--state", desk.state, "--yes")
    assert done.code == 0
    assert "is not done, and this does not end it" in done.err
    assert desk.erase().code == 0
    assert not list(desk.folder.glob("**/*.order"))


def test_a_file_that_is_no_order_is_named(desk: Desk) -> None:
    (desk.folder / "erasures").mkdir()
    (desk.folder / "erasures" / "notes.order").write_text("hi")
    refused = desk.erase()
    assert refused.code == 1
    assert "erasures/notes.order is not a whole order of an erasure: move it out" in refused.err


def test_a_file_of_another_name_is_named(desk: Desk) -> None:
    path = desk.folder / desk.late()
    path.rename(path.with_name(f"copy of {path.name}"))
    done = desk.erase()
    assert done.code == 0
    assert json.loads(done.out)["archive"]["foreign"] == [
        f"{path.parent.relative_to(desk.folder)}/copy of {path.name}"
    ]
    assert "not searched for this person's events" in done.err
