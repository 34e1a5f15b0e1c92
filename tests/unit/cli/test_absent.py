"""Columns that a `map` reads and no row has: `run`, `doctor` and `validate --events` name them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.world.command_line import Cli, cli

__all__ = ["cli"]

TOPOLOGY = """\
topology: till
channels:
  desk:
    in:
      format: mapped
      map:
        type: "'sold'"
        time: timestamp(row.at)
        id: row.order_no
        identifiers: {user: row.user, email: row.e_mail}
        attributes: {total: float(row.total), note: row.remark}
identity: {identifiers: [{type: user}, {type: email, normalise: email}]}
"""
ROWS = (
    "user,at,total,email,Order-ID,channel\n"
    "u1,2026-03-01T10:00:00Z,10,a@x.com,o1,desk\n"
    "u1,2026-03-01T10:00:00Z,10,a@x.com,o1,desk\n"
)
WHOLE = "user,at,total,e_mail,order_no,remark\nu1,2026-03-01T10:00:00Z,10,a@x.com,o1,none\n"
SAID = (
    "channel.desk: no row has the column `order_no`, which `id` of the `map` reads",
    "channel.desk: no row has the column `e_mail`, which `identifiers.email` of the `map` reads",
    "channel.desk: no row has the column `remark`, which `attributes.note` of the `map` reads",
)
DO = ("Did you mean `Order-ID`?", "Did you mean `email`?")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "topology.yaml").write_text(TOPOLOGY)
    (tmp_path / "rows.csv").write_text(ROWS)
    (tmp_path / "whole.csv").write_text(WHOLE)
    monkeypatch.setattr("cjo_stream.kafka.operator.checkup._answers", lambda server: False)
    return tmp_path


def run(cli: Cli, folder: Path, *files: str) -> tuple[list[str], list[dict[str, object]]]:
    """Return what a run says besides its results, and `absent` of its summary."""
    out = folder / "out"
    done = cli("run", folder, *(folder / file for file in files), "--out", out, "--force")
    assert done.code == 0, done.err
    summary = json.loads((out / "summary.json").read_text())
    return done.err.splitlines(), summary.get("absent", [])


def test_a_run_warns_of_each_column_that_its_rows_lack(cli: Cli, folder: Path) -> None:
    said, absent = run(cli, folder, "rows.csv")
    assert said[:2] == [f"warning: {one}. {do}" for one, do in zip(SAID[:2], DO, strict=True)]
    named = "`user`, `at`, `total`, `email`, `Order-ID`, `channel`"
    assert said[2:] == [f"{SAID[2]}. The rows have {named}"]
    assert [(one["part"], one["column"], one["near"]) for one in absent] == [
        ("id", "order_no", "Order-ID"),
        ("identifiers.email", "e_mail", "email"),
        ("attributes.note", "remark", None),
    ]


def test_nothing_is_said_of_a_column_that_one_file_has(cli: Cli, folder: Path) -> None:
    assert run(cli, folder, "rows.csv", "whole.csv") == ([], [])
    assert run(cli, folder, "whole.csv") == ([], [])


def test_nothing_is_said_of_a_column_that_one_row_of_json_has(cli: Cli, folder: Path) -> None:
    row = {"user": "u1", "at": "2026-03-01T10:00:00Z", "total": 5, "order_no": "o1"}
    rows = [*[row] * 5, {**row, "e_mail": "a@x.com"}, {**row, "remrak": "x"}]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    said, _ = run(cli, folder, "rows.jsonl")
    assert said == [f"warning: {SAID[2]}. Did you mean `remrak`?"]


def test_nothing_is_said_where_no_row_was_read(cli: Cli, folder: Path) -> None:
    (folder / "empty.csv").write_text(ROWS.splitlines()[0])
    assert run(cli, folder, "empty.csv") == ([], [])


def test_doctor_has_a_problem_where_another_column_is_meant(cli: Cli, folder: Path) -> None:
    done = cli("doctor", folder, folder / "rows.csv", "--json")
    found = [one for one in json.loads(done.out)["findings"] if "no row has" in one["what"]]
    assert [one["what"] for one in found] == [*SAID]
    assert [one["level"] for one in found] == ["note", "problem", "note"]
    assert [one["do"] for one in found[:2]] == [*DO]
    assert (done.code, cli("doctor", folder, folder / "whole.csv").code) == (1, 0)


def test_validate_names_columns_of_identifiers_and_the_id(cli: Cli, folder: Path) -> None:
    done = cli("validate", folder, "--events", folder / "rows.csv")
    assert done.code == 1
    assert all(said in done.err for said in (*SAID, *DO))
    told = json.loads(cli("validate", folder, "--events", folder / "rows.csv", "--json").out)
    assert [one["column"] for one in told["absent"]] == ["order_no", "e_mail", "remark"]
    assert cli("validate", folder, "--events", folder / "whole.csv").code == 0


@pytest.mark.parametrize(
    ("read", "had", "is_misspelt"),
    [
        ("id", "paid", False),
        ("coupon", "country", False),
        ("phone", "phone_type", False),
        ("order_id", "border_id", False),
        ("orderId", "Order-ID", True),
        ("remark", "remrak", True),
        ("remark", "remarks", True),
    ],
)
def test_only_a_column_that_is_surely_misspelt_is_wrong(
    cli: Cli, folder: Path, read: str, had: str, is_misspelt: bool
) -> None:
    """Each is named all the same, with the column that may be meant."""
    text = TOPOLOGY.replace("row.remark", f"row.{read}")
    (folder / "topology.yaml").write_text(text)
    (folder / "rows.csv").write_text(WHOLE.replace("remark", had))
    said, (absent,) = run(cli, folder, "rows.csv")
    assert (absent["column"], absent["near"], absent["optional"]) == (read, had, False)
    assert [one.startswith("warning: ") for one in said] == [is_misspelt]
    checked = cli("validate", folder, "--events", folder / "rows.csv")
    assert (checked.code, f"Did you mean `{had}`?" in checked.err) == (int(is_misspelt), True)
    assert cli("doctor", folder, folder / "rows.csv").code == int(is_misspelt)


@pytest.mark.parametrize("has", ["order_no", "orderNo", None])
def test_a_column_that_is_read_with_another_one_is_optional(
    cli: Cli, folder: Path, has: str | None
) -> None:
    """Though one of its name is there; rows that have neither are warned of."""
    text = TOPOLOGY.replace("row.order_no", "coalesce(row.order_no, row.orderNo)")
    (folder / "topology.yaml").write_text(text)
    rows = WHOLE.replace("order_no", f"{has or 'nr'},Order-No").replace("o1", "o1,")
    (folder / "rows.csv").write_text(rows)
    said, absent = run(cli, folder, "rows.csv")
    is_optional = has is not None
    absent_number = 1 if is_optional else 2
    assert [one["optional"] for one in absent] == [is_optional] * absent_number
    warned = [one.startswith("warning: ") for one in said]
    assert warned == [not is_optional] * absent_number
    for command in (("validate", folder, "--events"), ("doctor", folder)):
        assert cli(*command, folder / "rows.csv").code == int(not is_optional)


@pytest.mark.parametrize(
    ("read", "is_optional"),
    [
        ("coalesce(row.order_no, row.user)", True),
        ("coalesce(row.order_no, row.order_no, row.user)", True),
        ("coalesce(row.user + '-' + row.order_no, row.user)", True),
        ("row.order_no or row.user", True),
        ("row.order_no if has(row.order_no) else row.user", True),
        ("row.order_no + '-' + row.user", False),
        ("coalesce(row.order_nr, row.user) + '-' + row.order_no", False),
        ("coalesce(row.order_no, row.user) + '-' + row.order_no", False),
        ("row.user if row.order_no == 'x' else row.e_mail", False),
        ("row.user == 'u1' and row.order_no", False),
        ("coalesce(row.order_no, '0')", False),
        ("coalesce(row.order_no, '') + '-' + row.user", False),
        ("row.order_no if has(row.user) else row.e_mail", False),
        ("row['order_no'] if has(row['order_no']) else row.user", True),
    ],
)
def test_a_column_is_optional_only_where_another_one_stands_in_for_it(
    cli: Cli, folder: Path, read: str, is_optional: bool
) -> None:
    """Not where one is missing if the other is, as in a text that is joined of both."""
    (folder / "topology.yaml").write_text(TOPOLOGY.replace("row.order_no", f'"{read}"'))
    (folder / "rows.csv").write_text(WHOLE.replace("order_no", "Order-No"))
    _, absent = run(cli, folder, "rows.csv")
    found = {str(one["column"]): one["optional"] for one in absent}
    assert found["order_no"] is is_optional
    checked = cli("validate", folder, "--events", folder / "rows.csv")
    assert checked.code == int(not is_optional), checked.err
