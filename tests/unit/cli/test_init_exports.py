"""Samples as other countries, databases and call centres export them: drafted, checked, run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.word import Format
from cjo_stream.definition import load
from cjo_stream.ingest.sketch.form import with_decimal_comma
from tests.unit.cli.test_init import drafted
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

NOW_MS = 1_772_442_000_000


def transitions(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "my_shop-out" / "transitions.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_points_part_thousands_beside_decimal_commas(cli: Cli, tmp_path: Path) -> None:
    content = (
        "Kundennummer;Datum;Betrag;Menge;Breite\n"
        "1;02.03.2026;1.234,56;1.200;0.125\n"
        "2;13.03.2026;7,25;3;2.5\n"
        "1;14.03.2026;n/a;12.345.678;1.5\n"
    )
    text = drafted(cli, tmp_path, content)
    assert "betrag: \"float(row.Betrag) if row.Betrag not in ['n/a'] else null\"" in text
    assert 'menge: "int(row.Menge)"' in text
    assert 'breite: "float(row.Breite)"' in text


@pytest.mark.parametrize(
    ("cells", "delimiter", "found"),
    [
        (["1.234,56", "1.234"], ";", True),
        (["1'234,56", "7"], ";", True),
        (["12,5"], ",", True),
        (["1,234"], ",", False),
        (["1,234"], ";", True),
        (["1.234"], ";", False),
        (["12,5", "12.5"], ";", False),
        (["Paris, France"], ";", False),
        (["2026-03-01"], ";", False),
    ],
)
def test_what_a_decimal_comma_is(cells: list[str], delimiter: str, found: bool) -> None:
    rows = [{"x": cell} for cell in cells]
    assert with_decimal_comma(rows, delimiter) == (("x",) if found else ())


@pytest.mark.parametrize(
    ("head", "rows", "expression"),
    [
        ("datum;uhrzeit", ["01.03.2026;10:30", "31.03.2026;9:05"],
         "timestamp(row.datum + ' ' + row.uhrzeit, '%d.%m.%Y %H:%M')"),
        ("order_date;order_time;ship_time", ["2026-03-01;10:30:00;11:00:00", "2026-03-02;;"],
         ("timestamp(row.order_date + ' ' + row.order_time, '%Y-%m-%d %H:%M:%S') if "
          "row.order_time != '' else timestamp(row.order_date, '%Y-%m-%d')")),
        ("date;time", ["03/31/2026;10:30 PM", "04/01/2026;1:00 AM"],
         "timestamp(row.date + ' ' + row.time, '%m/%d/%Y %I:%M %p')"),
        ("fecha;hora", ["20260301;103000", "20260302;090000"],
         "timestamp(row.fecha + ' ' + row.hora, '%Y%m%d %H%M%S')"),
        ("orderdate;ordertime", ["1 Mar 2026;10:30", "13 Mar 2026;11:30"],
         "timestamp(row.orderdate + ' ' + row.ordertime, '%d %b %Y %H:%M')"),
        ("date;ship_time", ["2026-03-01;10:30", "2026-03-02;11:30"],
         "timestamp(row.date, '%Y-%m-%d')"),
        ("date;time", ["2026-03-01;90", "2026-03-02;17"], "timestamp(row.date, '%Y-%m-%d')"),
    ],
)  # fmt: skip
def test_a_day_and_a_clock_in_two_columns_are_one_time(
    head: str, rows: list[str], expression: str, cli: Cli, tmp_path: Path
) -> None:
    lines = [f"u{number};seen;{one}" for number, one in enumerate(rows)]
    text = drafted(cli, tmp_path, "\n".join([f"user_id;event;{head}", *lines, ""]))
    assert text.split("time: ", 1)[1].split("  #")[0].strip().strip('"') == expression


@pytest.mark.parametrize(
    "name",
    [
        "Kundennummer", "Kunden-Nr", "Kunden-Nr.", "KundenID", "Kd-Nr", "Mitgliedsnummer",
        "Benutzerkennung", "numéro client", "N° client", "ID Client", "id_utilisateur",
        "identifiant client", "cliente_id", "id_usuario", "código de cliente", "Nº de socio",
        "CustomerNo", "orderid",
    ],
)  # fmt: skip
def test_names_of_customers_in_other_languages(name: str, cli: Cli, tmp_path: Path) -> None:
    content = f"zeit,{name},event,page_no\n" + "".join(
        f"2026-03-01 10:0{n},{1000 + n % 3},seen,{n}\n" for n in range(9)
    )
    drafted(cli, tmp_path, content)
    (type_,) = load(tmp_path / "my_shop").program.identifiers
    assert type_ not in ("page_no", "event")


def test_customers_are_counted_as_their_identifiers_join_them(cli: Cli, tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text(
        "user_id,cookie,time,event\n"
        ",c1,2026-03-01 10:00,seen\n"
        ",c2,2026-03-01 10:01,seen\n"
        "u1,c1,2026-03-01 10:02,order_placed\n"
        "u1,c2,2026-03-01 10:03,order_placed\n"
        ",c3,2026-03-01 10:04,seen\n"
    )
    done = cli("init", tmp_path / "my_shop", "--from", sample)
    assert "5 events of 2 types, 2 customers" in done.out
    assert "1 of 2 reached it" in (tmp_path / "my_shop" / "journeys.yaml").read_text()
    ran = cli("run", tmp_path / "my_shop", sample, "--out", tmp_path / "out")
    assert "5 events of 2 customers" in ran.out


@pytest.mark.parametrize("others", ["", ",email"])
def test_phone_numbers_without_a_country_ask_for_it(others: str, cli: Cli, tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    mails = [f",p{n}@x.example" if others else "" for n in range(2)]
    sample.write_text(
        f"Telefon,time,event{others}\n"
        f"0170 1234567,2026-03-01 10:00,seen{mails[0]}\n"
        f"0171/1234567,2026-03-02 10:00,bought{mails[1]}\n"
    )
    done = cli("init", tmp_path / "my_shop", "--from", sample)
    assert done.code == 0
    assert "phone: of which country are these numbers?" in done.err
    assert "2 events of 2 types, 2 customers" in done.out
    path = tmp_path / "my_shop" / "topology.yaml"
    text = path.read_text()
    assert "QUESTION: of which country" in text
    assert ("normalise: phone}" in text) is bool(others)
    ran = cli("run", tmp_path / "my_shop", sample, "--out", tmp_path / "out")
    assert (ran.code, "0 dead letters" in ran.out) == (0, True)
    # The answer, as the question has it.
    text = text.replace("timezone: UTC", "region: DE\ntimezone: UTC")
    path.write_text(text.replace("{type: phone}", "{type: phone, normalise: phone}"))
    assert cli("validate", tmp_path / "my_shop").code == 0
    ran = cli("run", tmp_path / "my_shop", sample, "--out", tmp_path / "answered")
    assert (ran.code, ran.err) == (0, "")
    assert "+491701234567" in (tmp_path / "answered" / "customers.jsonl").read_text()


def test_numbers_with_country_codes_ask_nothing(cli: Cli, tmp_path: Path) -> None:
    text = drafted(
        cli, tmp_path, "phone,time,event\n+491701234567,2026-03-01 10:00,a\n"
        "+491711234567,2026-03-02 10:00,b\n",
    )  # fmt: skip
    assert "{type: phone, normalise: phone}" in text
    assert "QUESTION" not in text


def test_events_ahead_of_the_clock_name_the_clock_to_run_by(cli: Cli, tmp_path: Path) -> None:
    text = drafted(
        cli, tmp_path, "user_id,time,event\n1,2089-03-01T10:00:00Z,a\n2,2089-03-02T10:00:00Z,b\n"
    )
    assert "--now 2089-03-02T10:00:01Z" in text


def test_a_few_times_ahead_of_the_clock_are_mistakes(cli: Cli, tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    rows = [f"{n},2026-03-01T10:00:00Z,a\n" for n in range(30)]
    sample.write_text("".join(["user_id,time,event\n", *rows, "2,2089-03-02T10:00:00Z,b\n"]))
    done = cli("init", tmp_path / "my_shop", "--from", sample)
    assert "--now" not in done.out
    assert "1 row cannot be taken: future" in done.err


def change(op: str, row: dict[str, Any] | None, ms: int, **fields: Any) -> dict[str, Any]:
    before, after = (row, None) if op == "d" else (None, row)
    source = {"table": "customers"}
    return {"before": before, "after": after, "op": op, "ts_ms": NOW_MS + ms, "source": source,
            **fields}  # fmt: skip


@pytest.mark.parametrize("has_schema", [False, True])
def test_changes_of_a_table_become_facts(has_schema: bool, cli: Cli, tmp_path: Path) -> None:
    row = {"id": 7, "mail": "ada@x.example", "status": "gold", "tags": [1], "debt": 2.5}
    changes: list[Any] = [
        change("r", row, 0),
        change("u", {**row, "status": None}, 1_000),
        change("c", {**row, "id": 8, "mail": None, "status": "new"}, 2_000),
        change("d", {**row, "id": 8, "mail": None}, 3_000),
    ]
    if has_schema:
        changes = [{"schema": {}, "payload": one} for one in changes]
    sample = tmp_path / "crm.jsonl"
    sample.write_text("".join(json.dumps(one) + "\n" for one in [*changes, None]))
    done = cli("init", tmp_path / "crm", "--from", sample)
    assert (done.code, done.err) == (0, "")
    assert "rows of debezium form: 8 events of 5 types, 2 customers" in done.out
    program = load(tmp_path / "crm").program
    taken = program.channels["crm"].input
    assert taken is not None
    assert taken.format is Format.DEBEZIUM
    assert list(program.identifiers) == ["customer_id", "email"]
    assert program.facts.keys() == {"status", "debt"}
    assert "no fact is made of tags" in (tmp_path / "crm" / "topology.yaml").read_text()
    ran = cli("run", tmp_path / "crm", sample, "--out", tmp_path / "out")
    assert (ran.code, "0 dead letters" in ran.out) == (0, True)
    text = (tmp_path / "out" / "customers.jsonl").read_text()
    facts = [json.loads(line)["facts"] for line in text.splitlines()]
    assert facts == [{"debt": 2.5}, {}] or facts == [{}, {"debt": 2.5}]


def test_changes_that_are_no_sample_are_refused_until_mended(cli: Cli, tmp_path: Path) -> None:
    row = {"id": 7, "mail": "ada@x.example"}
    of_customers, of_orders = change("c", row, 0), change("c", row, 1, source={"table": "orders"})
    untimed = {name: one for name, one in of_customers.items() if name != "ts_ms"}
    for changes, said in (
        ([of_customers, of_orders], "several tables (customers, orders)"),
        ([untimed], "`ts_ms` is missing"),
        ([of_customers], ""),
    ):
        sample = tmp_path / "crm.jsonl"
        sample.write_text("".join(json.dumps(one) + "\n" for one in changes))
        done = cli("init", tmp_path / "crm", "--from", sample)
        assert (done.code, said in done.err) == (2 if said else 0, True)


LOANS = """\
Reader No,Event,Date,Branch Code,E-Mail
R-1,Loan,2026-11-02 10:00,Main,ann@example.com
R-2,Loan,2026-11-02 11:00,Main,
R-1,Return,2026-11-20 10:00,Main,
R-3,Reservation,2026-11-21 10:00,East,cy@example.com
"""


def test_where_rows_name_nobody_an_id_is_asked_about(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "loans.csv").write_text(LOANS)
    done = cli("init", tmp_path / "library", "--from", tmp_path / "loans.csv")
    assert "2 rows cannot be taken: unidentified" in done.err
    text = (tmp_path / "library" / "topology.yaml").read_text()
    asked = [line for line in text.splitlines() if "does it name people?" in line]
    assert [line.split(":")[0].strip() for line in asked] == ["reader_no"]
    covered = LOANS.replace("Main,\n", "Main,bo@example.com\n")
    assert "name people?" not in drafted(cli, tmp_path, covered)
