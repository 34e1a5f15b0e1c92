"""What senders and exports send, through a whole run: three of each kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.world.command_line import Cli, cli

__all__ = ["cli"]

TOPOLOGY = """
topology: sent
region: DE
channels:
  web: {in: {}}
  ce: {in: {format: cloudevents}}
  app: {in: {format: segment}}
  imp:
    in:
      format: mapped
      map: {type: slug(row.event), time: timestamp(row.ts), identifiers: {user_id: row.user_id}}
  email: {out: {address: email}}
  sms: {out: {address: phone}}
identity:
  identifiers:
    - {type: user_id, limit: 1}
    - {type: email, limit: 5, normalise: email}
    - {type: phone, limit: 5, normalise: phone}
    - {type: anonymous_id, limit: 20}
profile:
  traits: {orders: {count: order_placed}, spend: {sum: event.total, on: order_placed}}
---
journey: thanks
version: 1
owner: o
entry: {on: order_placed, reentry: always}
initial: a
states: {a: {enter: [{act: thank}], end: done}}
---
journey: news
version: 1
owner: o
entry: {on: tick, reentry: always}
initial: a
states: {a: {enter: [{act: hello}], end: done}}
---
action: thank
class: transactional
treatments: {sms: {template: thank_v1}}
---
action: hello
class: marketing
treatments: {email: {template: hello_v1}}
---
policy: p
consent: {marketing: opt_out}
"""
NOW = ("--now", "2026-12-01T00:00:00Z")
TEN = "2026-02-25T10:00:00Z"
Rows = list[dict[str, Any]]


class Results:
    """What a run wrote."""

    def __init__(self, out: Path, said: str) -> None:
        self._out = out
        self.said = said
        self.summary: dict[str, Any] = json.loads((out / "summary.json").read_text())

    def lines(self, name: str) -> Rows:
        return [
            json.loads(line) for line in (self._out / f"{name}.jsonl").read_bytes().splitlines()
        ]

    @property
    def customers(self) -> list[dict[str, list[str]]]:
        return [one["identifiers"] for one in self.lines("customers")]

    @property
    def traits(self) -> Rows:
        return [one["traits"] for one in self.lines("customers")]

    @property
    def addresses(self) -> list[str]:
        return [one["address"]["value"] for one in self.lines("actions")]


def run(cli: Cli, folder: Path, rows: Rows | str, *options: str) -> Results:
    (folder / "topology.yaml").write_text(TOPOLOGY)
    path = folder / ("events.csv" if isinstance(rows, str) else "events.jsonl")
    path.write_text(rows if isinstance(rows, str) else "\n".join(map(json.dumps, rows)))
    done = cli("run", folder, path, "--out", folder / "out", *NOW, *options)
    assert done.code == 0, done.err
    return Results(folder / "out", done.err)


def order(
    identifiers: dict[str, Any], total: int = 1, at: str = TEN, **more: Any
) -> dict[str, Any]:
    return {
        "type": "order_placed",
        "time": at,
        "channel": "web",
        "identifiers": identifiers,
        "attributes": {"total": total},
        **more,
    }


@pytest.mark.parametrize(
    "extra",
    [
        {"userid": None},
        {"subject": None, "dataschema": None},
        {"datacontenttype": None, "email": None},
    ],
)
def test_a_null_attribute_of_cloudevents_is_unset(
    extra: dict[str, Any], cli: Cli, tmp_path: Path
) -> None:
    event = {"specversion": "1.0", "type": "order_placed", "source": "/s", "time": TEN}
    rows = [
        {**event, "id": "1", "data": {"total": 5}, "anonymousid": "a1"},
        {**event, "id": "2", "data": {"total": 5}, "anonymousid": "a1", **extra},
    ]
    found = run(cli, tmp_path, rows, "--channel", "ce")
    assert (found.summary["events"], found.summary["dead_letters"], found.said) == (2, 0, "")
    assert found.customers == [{"anonymous_id": ["a1"]}]


@pytest.mark.parametrize(
    "said",
    [
        {"status": "REVOKED"},
        {"status": "unsubscribed"},
        {"status": "revoked", "channel": "Email"},
        {"status": "Opt-Out", "purpose": "Marketing"},
        {"status": "spam complaint", "channel": "all"},
        {"status": False},
    ],
)
def test_who_opted_out_in_any_words_is_not_mailed(
    said: dict[str, Any], cli: Cli, tmp_path: Path
) -> None:
    ids = {"user_id": "u1", "email": "u1@x.example"}
    stated = {"type": "cjo.consent", "attributes": {"purpose": "marketing", **said}}
    tick = order(ids, at="2026-02-25T11:00:00Z", type="tick")
    found = run(cli, tmp_path, [{**order(ids), **stated}, tick])
    assert (found.addresses, found.summary["dead_letters"]) == ([], 0)


@pytest.mark.parametrize(
    "said", [{"status": "perhaps"}, {"status": None}, {"status": "revoked", "channel": "fax"}]
)
def test_a_statement_that_cannot_be_read_is_told(
    said: dict[str, Any], cli: Cli, tmp_path: Path
) -> None:
    ids = {"user_id": "u1", "email": "u1@x.example"}
    stated = {"type": "cjo.consent", "attributes": {"purpose": "marketing", **said}}
    found = run(cli, tmp_path, [{**order(ids), **stated}, order(ids, type="seen")])
    assert "refused: 1 record invalid: the `" in found.said
    (refused,) = found.summary["refused"]
    assert (refused["reason"], refused["file"], refused["line"]) == ("invalid", "events.jsonl", 1)


@pytest.mark.parametrize(
    ("one", "other", "id_"),
    [
        (12345, 12345.0, "12345"),
        ("12345", "12345.00", "12345"),
        (-7, "-7.0", "-7"),
        (9007199254740991, 9007199254740991.0, "9007199254740991"),
    ],
)
def test_an_id_as_a_float_is_that_of_the_integer(
    one: Any, other: Any, id_: str, cli: Cli, tmp_path: Path
) -> None:
    found = run(cli, tmp_path, [order({"user_id": one}), order({"user_id": other})])
    assert found.customers == [{"user_id": [id_]}]
    assert found.traits == [{"orders": 2, "spend": 2}]


def test_an_id_as_a_float_of_a_table_is_that_of_the_integer(cli: Cli, tmp_path: Path) -> None:
    rows = f"event,ts,user_id\nOrder Placed,{TEN},12345\nOrder Placed,{TEN},12345.0\n"
    found = run(cli, tmp_path, rows, "--channel", "imp")
    assert found.customers == [{"user_id": ["12345"]}]


@pytest.mark.parametrize(
    "other",
    ["491701234567", "491701234567.0", "0049 170 1234567", 491701234567, "+49 (0)170 1234567"],
)
def test_each_spelling_of_a_phone_number_is_one_customer(
    other: Any, cli: Cli, tmp_path: Path
) -> None:
    found = run(cli, tmp_path, [order({"phone": "0170 1234567"}), order({"phone": other})])
    assert found.customers == [{"phone": ["+491701234567"]}]
    assert found.addresses == ["+491701234567"] * 2


@pytest.mark.parametrize(
    "nobody", ["[object Object]", "\\N", "NaN", "(null)", "nil", "{}", "#N/A"]
)
def test_what_scripts_write_for_nobody_makes_no_customer(
    nobody: str, cli: Cli, tmp_path: Path
) -> None:
    rows = [order({"user_id": f"u{n}", "anonymous_id": nobody}) for n in range(3)]
    found = run(cli, tmp_path, [*rows, order({"anonymous_id": nobody}, total=99)])
    assert [one["spend"] for one in found.traits] == [1, 1, 1]
    assert "identifiers: 4 values of `anonymous_id` ignored, blocked" in found.said
    assert "refused: 1 record unidentified" in found.said


@pytest.mark.parametrize(
    "names",
    [
        ["테스트", "Order 주문", "Order 취소", "Order"],
        ["Заказ", "Отмена", "Order Заказ", "Zakaz"],
        ["Ærø", "R", "r", "2nd Purchase", "Purchase"],
        ["注文", "取消", "Order 注文", "Order"],
    ],
)
def test_names_in_any_script_are_types_of_their_own(
    names: list[str], cli: Cli, tmp_path: Path
) -> None:
    """A journey listens to each; a command for one is never caused by another."""
    rows = [
        {"type": "track", "event": name, "userId": f"u{n}", "messageId": f"m{n}", "timestamp": TEN}
        for n, name in enumerate(names)
    ]
    found = run(cli, tmp_path, rows, "--channel", "app")
    assert (found.summary["events"], found.summary["dead_letters"]) == (len(names), 0)
    done = cli("doctor", tmp_path, tmp_path / "events.jsonl", "--channel", "app", "--json")
    types = json.loads(done.out)["file"]["types"]
    different = {name.casefold() for name in names}
    assert (len(types), sum(types.values())) == (len(different), len(names))


@pytest.mark.parametrize("empty", ["", "  ", '""'])
def test_an_empty_cell_is_no_identifier_and_no_finding(
    empty: str, cli: Cli, tmp_path: Path
) -> None:
    rows = f"event,ts,user_id,email\nOrder Placed,{TEN},u1,{empty}\n"
    (tmp_path / "topology").mkdir()
    text = TOPOLOGY.replace("{user_id: row.user_id}", "{user_id: row.user_id, email: row.email}")
    (tmp_path / "topology" / "topology.yaml").write_text(text)
    (tmp_path / "events.csv").write_text(rows)
    done = cli(
        "run",
        tmp_path / "topology",
        tmp_path / "events.csv",
        "--channel",
        "imp",
        "--out",
        tmp_path / "out",
        *NOW,
    )
    assert (done.code, done.err) == (0, "")
