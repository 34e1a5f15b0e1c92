"""`cjo-stream customer` on a state folder: what is printed, asked, changed, and the exit codes."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.answer import Shown, Tied
from cjo_stream.core.event import Identifier
from cjo_stream.core.message import Find, Show, identifier_key
from cjo_stream.embedded.delivery import SUFFIX
from cjo_stream.embedded.operator import InFolder
from cjo_stream.errors import RetryError
from cjo_stream.installation.answer import answered
from cjo_stream.store.rocks import RocksStore
from tests.world.command_line import EVENTS, SHOP, Cli, Done, cli, shop_run
from tests.world.files import found
from tests.world.handling import fail_handlers
from tests.world.partition import Partition, event, hash_of

__all__ = ["cli", "shop_run"]


class Shop:
    """The shop's events, run on a state folder."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self._cli = cli
        self.out, self.state = folder / "out", folder / "state"
        rows = map(json.loads, (self.out / "customers.jsonl").read_bytes().splitlines())
        # One with an e-mail address and a cookie, and journeys.
        self.row = max(rows, key=lambda row: (len(row["identifiers"]), row["events"]))
        self.ids = [f"{t}:{v}" for t, of in self.row["identifiers"].items() for v in of]
        self.user = f"user_id:{self.row['identifiers']['user_id'][0]}"

    def __call__(self, command: str, *arguments: str) -> Done:
        return self._cli("customer", command, *arguments, "--state", self.state)

    def json(self, command: str, *arguments: str) -> Any:
        done = self(command, *arguments, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    def stored(self) -> dict[bytes, bytes]:
        store = RocksStore(self.state / "log")
        pairs = dict(store.scan(b"", b"\xff" * 8))
        store.close()
        return pairs


@pytest.fixture
def shop(cli: Cli, tmp_path: Path, shop_run: Callable[[Path], None]) -> Shop:
    shop_run(tmp_path)
    return Shop(cli, tmp_path)


@pytest.fixture
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))


@pytest.mark.slow
def test_any_identifier_shows_the_customer_and_changes_nothing(shop: Shop) -> None:
    before = shop.stored()
    for identifier in shop.ids:
        assert shop.json("show", identifier)["customer_id"] == shop.row["customer_id"]
    shown = json.loads(shop("show", shop.user).out)
    assert shown["identifiers"] == shop.row["identifiers"]
    shop("history", shop.user)
    assert shop.stored() == before
    assert not shop.state.with_name("state" + SUFFIX).exists()


def test_a_history_tells_events_decisions_and_commands_oldest_first(shop: Shop) -> None:
    told = shop.json("history", shop.user)
    assert told["left_out"] == 0
    times = [entry["at"] for entry in told["history"]]
    assert times == sorted(times)
    kinds = {entry["kind"] for entry in told["history"]}
    assert kinds == {"event", "identity", "transition", "decision", "action"}
    events = [entry for entry in told["history"] if entry["kind"] == "event"]
    assert len(events) == shop.row["events"]
    lines = shop("history", shop.user).out.splitlines()
    stamped = [line for line in lines if not line.startswith(" ")]
    assert len(stamped) == len(told["history"])
    decisions = [entry["decision"] for entry in told["history"] if entry["kind"] == "decision"]
    candidates = {f"{c['action']}/{c['channel']}" for d in decisions for c in d["candidates"]}
    assert all(any(name in line for line in lines) for name in candidates)
    assert any("  identity    created " in line for line in lines)
    assert any(" on email to email:" in line for line in lines)


def test_a_history_that_is_cut_says_so(cli: Cli, tmp_path: Path) -> None:
    events = tmp_path / "many.jsonl"
    one = {"type": "product_viewed", "channel": "web", "identifiers": {"user_id": "u9"}}
    lines = [json.dumps({**one, "time": 1_772_323_200_000 + n * 1000}) for n in range(400)]
    events.write_text("\n".join(lines) + "\n")
    state = tmp_path / "s"
    assert cli("run", SHOP, events, "--out", tmp_path / "o", "--state", state).code == 0
    done = cli("customer", "history", "user_id:u9", "--state", state)
    assert len([line for line in done.out.splitlines() if line[0] != " "]) == 300
    assert "the last 300 entries are kept" in done.err


def test_without_a_folder_the_refusal_names_it(cli: Cli) -> None:
    done = cli("customer", "show", "user_id:u9")
    assert done.code == 2
    assert "set CJO_TENANT_KEY" in done.err
    assert done.err.endswith("; or name a state folder with --state\n")


# --- unlink and link


def test_an_unlink_without_a_terminal_tells_what_it_would_do_and_does_nothing(
    shop: Shop, no_terminal: None
) -> None:
    before = shop.stored()
    email = next(one for one in shop.ids if one.startswith("email:"))
    done = shop("unlink", email, shop.user)
    assert done.code == 2
    assert "taken back" in done.err
    assert "leaves:" in done.err
    assert "--yes" in done.err
    assert shop.stored() == before


@pytest.mark.slow
def test_an_unlink_makes_two_customers_and_a_link_joins_them_again(shop: Shop) -> None:
    email = next(one for one in shop.ids if one.startswith("email:"))
    done = shop.json("unlink", email, "--yes")
    assert done["customer_id"] == shop.row["customer_id"]
    left = next(left for left in done["leaving"] if email in left["identifiers"])
    assert shop.json("show", email)["customer_id"] == left["customer_id"]
    assert email not in str(shop.json("show", shop.user)["identifiers"])
    kinds = (shop.state.with_name("state" + SUFFIX) / "identities.jsonl").read_text()
    assert {json.loads(line)["kind"] for line in kinds.splitlines()} == {"unmerged"}

    again = shop("unlink", email, shop.user, "--yes")
    assert again.code == 2
    assert "not linked with each other" in again.err

    for command in ("link", "unlink"):
        twice = shop(command, email, email)
        assert twice.code == 2
        assert "one identifier, named twice" in twice.err
    done_again = shop("link", email, shop.user, "--yes")
    assert (done_again.code, done_again.out) == (
        0,
        f"{email} and {shop.user} are one customer's\n",
    )
    shown = shop.json("show", email)
    assert shown["customer_id"] == shop.row["customer_id"]
    assert left["customer_id"] in shown["absorbed"]
    history = shop("history", shop.user).out
    assert f"(as {left['customer_id']})" in history
    assert "identity    merged" in history


def test_a_link_against_a_limit_fails_and_says_why(shop: Shop) -> None:
    rows = map(json.loads, (shop.out / "customers.jsonl").read_bytes().splitlines())
    other = next(
        f"user_id:{row['identifiers']['user_id'][0]}"
        for row in rows
        if "user_id" in row["identifiers"] and row["customer_id"] != shop.row["customer_id"]
    )
    done = shop("link", shop.user, other, "--yes")
    assert done.code == 1
    assert "limit" in done.err
    assert shop("link", shop.user, shop.user).code == 2


def test_a_link_is_asked_for(shop: Shop, no_terminal: None) -> None:
    email = next(one for one in shop.ids if one.startswith("email:"))
    before = shop.stored()
    asked = shop("link", email, shop.user)
    assert asked.code == 2
    assert f"Make {email} and {shop.user} one customer's?" in asked.err
    assert "--yes" in asked.err
    assert shop.stored() == before


# --- erase


def test_an_erasure_is_asked_for_told_and_proven(shop: Shop, no_terminal: None) -> None:
    before = shop.stored()
    asked = shop("erase", shop.user)
    assert asked.code == 2
    assert "identifiers: " in asked.err
    assert "--yes" in asked.err
    assert shop.stored() == before

    proof = shop.json("erase", shop.user, "--yes")
    assert proof["customer_id"] == shop.row["customer_id"]
    assert proof["removed"]["events"] == shop.row["events"]
    assert proof["partitions_not_swept"] == []
    assert {Path(one["place"]).name for one in proof["kept"]} >= {"actions.jsonl"}
    values = [value for of in shop.row["identifiers"].values() for value in of]
    assert not [value for value in values if value in json.dumps(proof)]
    assert found(shop.state, values) == set()
    for identifier in shop.ids:
        gone = shop("show", identifier)
        assert gone.code == 2
        assert "no customer has this" in gone.err
    again = shop("erase", shop.user)
    assert again.code == 2
    assert "if an erasure was cut off, it is carried out, and now ended" in again.out
    assert "actions.jsonl" in again.out


def test_an_erasure_that_was_cut_off_behind_its_order_is_ended(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[object] = []

    def cut_off(_: object) -> list[int]:
        if not swept:
            swept.append("cut off")
            raise KeyboardInterrupt
        swept.append("done")
        return [1]

    monkeypatch.setattr(InFolder, "sweep", cut_off)
    shop("erase", shop.user, "--yes")
    again = shop("erase", shop.user, "--yes", "--json")
    assert swept == ["cut off", "done"]
    assert (again.code, json.loads(again.out)["partitions_not_swept"]) == (2, [1])
    assert "partitions [1] did not answer" in again.err


def test_an_erasure_in_words_names_the_files_that_still_hold_something(shop: Shop) -> None:
    done = shop("erase", shop.user, "--yes")
    assert done.code == 0
    assert f"customer {shop.row['customer_id']} is erased" in done.out
    assert "customers" in done.out
    assert "until you delete it" in done.out
    values = [value for of in shop.row["identifiers"].values() for value in of]
    assert not [value for value in values if value in done.out]


# --- folders


def test_a_folder_that_a_process_holds_is_told(shop: Shop) -> None:
    held = RocksStore(shop.state / "log")
    for command in ("show", "history", "erase"):
        done = shop(command, shop.user, *(["--yes"] if command == "erase" else []))
        assert done.code == 1
        assert "held by another process" in done.err
    held.close()


def test_an_operators_files_go_on_where_they_were(shop: Shop) -> None:
    email = next(one for one in shop.ids if one.startswith("email:"))
    shop.json("unlink", email, "--yes")
    shop.json("link", email, shop.user, "--yes")
    shop.json("erase", email, "--yes")
    lines = (shop.state.with_name("state" + SUFFIX) / "identities.jsonl").read_bytes()
    kinds = [json.loads(line)["kind"] for line in lines.splitlines()]
    assert list(dict.fromkeys(kinds)) == ["unmerged", "merged", "erased"]


def test_with_another_tenant_key_a_state_folder_is_left_alone(
    shop: Shop, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = shop.stored()
    monkeypatch.setenv("CJO_TENANT_KEY", "another-key-of-16-characters-or-more")
    more = ("--out", tmp_path / "more", "--state", shop.state)
    refused = [
        shop("show", shop.user),
        shop("erase", shop.user, "--yes"),
        cli("run", SHOP, EVENTS, *more),
        cli("apply", SHOP, "--state", shop.state, "--yes"),
    ]
    for done in refused:
        assert done.code == 1
        assert "CJO_TENANT_KEY is not the key of the state in" in done.err
        assert "another-key" not in done.err
    # Which key it is does not matter to a value that names nobody.
    nobody = shop("show", "email:no-address")
    assert (nobody.code, nobody.out) == (2, "")
    assert "this value names nobody, as email it is unusable" in nobody.err
    assert "TENANT_KEY" not in nobody.err
    assert shop.stored() == before
    monkeypatch.delenv("CJO_TENANT_KEY")
    assert shop("show", shop.user).code == 0
    assert cli("run", SHOP, EVENTS, *more).code == 0


def test_a_state_folder_without_a_fingerprint_takes_one_with_the_next_run(
    shop: Shop, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = RocksStore(shop.state / "log")
    log.write([(b"ntenant_key", None)])  # as an earlier release left it
    log.close()
    monkeypatch.setenv("CJO_TENANT_KEY", "another-key-of-16-characters-or-more")
    nobody = shop("show", shop.user)
    assert nobody.code == 2
    assert "CJO_TENANT_KEY is the key that the events came with" in nobody.err
    monkeypatch.delenv("CJO_TENANT_KEY")
    assert shop("show", shop.user).code == 0
    assert cli("apply", SHOP, "--state", shop.state, "--yes").code == 0
    monkeypatch.setenv("CJO_TENANT_KEY", "another-key-of-16-characters-or-more")
    assert shop("show", shop.user).code == 1


def test_who_is_just_going_to_another_customer_is_asked_for_again() -> None:
    at = Identifier("user", "u", "0" * 32)
    with pytest.raises(RetryError, match="try again"):
        answered({"found": False, "changed": True}, at, Shown)
    assert answered({"linked": True}, at, Tied) == Tied(linked=True)


def test_a_command_that_failed_is_given_again_once_what_the_log_tells_of_is_mended(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    at = Identifier("user", "u", hash_of(1))
    partition = Partition()
    partition.event(event(1))

    def show() -> Shown:
        partition.control(Find(Show("question")), to=identifier_key(at.hash))
        partition.run()
        answer: dict[str, Any] = partition.sent("reply")[-1]["body"]
        return answered(answer, at, Shown)

    with monkeypatch.context() as fault:
        fail_handlers(fault, Show, bad=lambda message: True)
        with pytest.raises(RetryError, match="the worker's log shows where; report it"):
            show()
    assert "an operator's command failed and changed nothing: ValueError at handle" in caplog.text
    assert show().customer.events == 1
