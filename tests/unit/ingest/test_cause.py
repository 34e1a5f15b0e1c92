"""A file of which every row is refused: the cause is named, and its cure is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from cjo_stream.ingest.cause import without_values
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

TOPOLOGY = """
topology: causes
channels:
  web: {in: {}}
  till:
    in:
      format: mapped
      map: {type: slug(row.event), time: "TIME", identifiers: {user: row.user_id}}
identity: {identifiers: [{type: user}, {type: phone, normalise: phone}]}
"""
TIME = "timestamp(row.ts)"
NOW = ("--now", "2026-12-01T00:00:00Z")
HEADER = "event,ts,user_id\n"
ROWS = "".join(f"Order Placed,2026-02-25T10:0{n}:00Z,user {n}\n" for n in range(5))
TABLE = HEADER + ROWS
VALUES = ("user 0", "10:03", "secret")
"""What no message may show."""


def native(**changes: object) -> str:
    event = {
        "type": "order_placed",
        "time": "2026-02-25T10:03:00Z",
        "channel": "web",
        "identifiers": {"user": "user 0"},
        **changes,
    }
    return "".join(json.dumps({"attributes": {"n": n}, **event}) + "\n" for n in range(5))


class Case(NamedTuple):
    name: str
    content: str | bytes
    options: tuple[str, ...]
    cause: str
    cure: str
    cured: tuple[str, ...] | None = None
    """The options of the cure; None where the content or the topology is mended."""
    mended: str | None = None
    time: str = TIME
    time_mended: str | None = None


TILL = ("--channel", "till")
CASES = [
    Case(
        "a.csv", TABLE.replace(",", ";"), TILL,
        "seems to be parted by `;`", "Read it with --delimiter ';'", (*TILL, "--delimiter", ";"),
    ),
    Case(
        "a.csv", TABLE.replace(",", ";"), (),
        "seems to be parted by `;`", "Read it with --delimiter ';'", (*TILL, "--delimiter", ";"),
    ),
    Case(
        "a.csv", TABLE.replace(",", "\t"), TILL,
        "seems to be parted by tabs", "Read it with --delimiter tab",
        (*TILL, "--delimiter", "tab"),
    ),
    Case(
        "a.csv", TABLE.replace(",", "|"), TILL,
        "seems to be parted by `|`", "Read it with --delimiter '|'", (*TILL, "--delimiter", "|"),
    ),
    Case(
        "a.csv", TABLE, (*TILL, "--delimiter", ";"),
        "seems to be parted by `,`", "Read it with --delimiter ','", (*TILL, "--delimiter", ","),
    ),
    Case(
        "a.csv", TABLE.encode("utf-16-le"), TILL,
        "seems to be UTF-16", "--encoding utf-16-le", (*TILL, "--encoding", "utf-16-le"),
    ),
    Case(
        "a.jsonl", native().encode("utf-16-be"), (),
        "seems to be UTF-16", "--encoding utf-16-be", ("--encoding", "utf-16-be"),
    ),
    Case(
        "a.csv", TABLE.replace("user ", "usér ").encode("cp1252"), TILL,
        "is not UTF-8", "--encoding windows-1252", (*TILL, "--encoding", "windows-1252"),
    ),
    Case(
        "a.csv", TABLE.replace("user_id", "UserId"), TILL,
        "needs `event`, `ts`, `user_id`; the columns of the file are `event`, `ts`, `UserId`, "
        "without `user_id`", "perhaps `UserId` for `user_id`", TILL, TABLE,
    ),
    Case(
        "a.jsonl", native().replace('"time"', '"tyme"'), (),
        "A native event needs `type`, `time`, `identifiers`", "Rename `tyme` to `time`", (),
        native(),
    ),
    Case(
        "a.csv", TABLE.replace("2026-02-25T10:0", "1772442").replace(":00Z", "00"), TILL,
        "No time of it could be read", "for seconds, write timestamp(row.ts, 's')", TILL,
        time="row.ts", time_mended="timestamp(row.ts, 's')",
    ),
    Case(
        "a.csv", TABLE.replace("2026-02-25T10:0", "25.02.2026 10:0").replace(":00Z", ""), TILL,
        "No time of it could be read", "write timestamp(row.ts, '%d.%m.%Y %H:%M')", TILL,
        time_mended="timestamp(row.ts, '%d.%m.%Y %H:%M')",
    ),
    Case(
        "a.jsonl", native(time="secret"), (),
        "No time of it could be read", "Write times as 2026-03-01T10:00:00Z or as ms", (),
        native(),
    ),
    Case(
        "a.jsonl", native(time=1_772_442_000_000_000), (),
        "All of its times lie ahead", "microseconds are read by timestamp(x, 'us')", (), native(),
    ),
    Case(
        "a.jsonl", native(time="2027-02-25T10:03:00Z"), (),
        "All of its times lie ahead", "by --now", ("--now", "2027-03-01T00:00:00Z"),
    ),
    Case(
        "a.jsonl", native(identifiers={"usr": "user 0"}), (),
        "None of its rows names anybody: usr is undeclared",
        "Declare usr under `identity.identifiers`, or write it as one of the types that the "
        "topology has: user, phone", (), native(),
    ),
    Case(
        "a.jsonl", native(identifiers={"user": "null"}), (),
        "None of its rows names anybody: user is blocked", "holds real identifiers", (), native(),
    ),
    Case(
        "a.jsonl", native(identifiers={"phone": "0170 1234567"}), (),
        "phone is ambiguous", "with + and the country code", (),
        native(identifiers={"phone": "+49 170 1234567"}),
    ),
    Case(
        "a.jsonl", native(), TILL,
        "has not the form of channel till", "leave --channel away, or --channel web",
        ("--channel", "web"),
    ),
    Case(
        "a.csv", TABLE, ("--channel", "web"),
        "has not the form of channel web", "--channel till", TILL,
    ),
    Case("a.csv", TABLE, (), "No `channel`: its columns are", "--channel (till)", TILL),
    Case(
        "a.csv", ROWS, TILL,
        "seems to hold values, not the names of columns", "names of the columns before it", TILL,
        TABLE,
    ),
    Case(
        "a.jsonl", native(channel="wab"), (),
        "is not one of the topology's", "Write one of web, till", (), native(),
    ),
    Case("a.jsonl", TABLE, TILL, "do not begin as JSON objects do", "a header .csv", TILL,
         "".join(json.dumps({"event": "a", "ts": "2026-02-25T10:00:00Z", "user_id": "u"}) + "\n"
                 for _ in range(5))),
]  # fmt: skip


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{n} {one.cause[:30]}" for n, one in enumerate(CASES)]
)
def test_the_cause_is_said_and_its_cure_is_one(case: Case, cli: Cli, tmp_path: Path) -> None:
    topology = tmp_path / "topology"
    topology.mkdir()
    (topology / "topology.yaml").write_text(TOPOLOGY.replace("TIME", case.time))
    path = tmp_path / case.name
    content = case.content if isinstance(case.content, bytes) else case.content.encode()
    path.write_bytes(content)
    run = ("run", topology, path, "--out", tmp_path / "out")
    done = cli(*run, *NOW, *case.options)
    assert done.code == 1
    error = next(line for line in done.err.splitlines() if line.startswith("error: "))
    assert case.cause in error
    assert case.cure in error
    assert not [value for value in VALUES if value in done.err]
    summary = (tmp_path / "out" / "summary.json").read_text()
    assert not [value for value in VALUES if value in summary]
    if case.mended is not None:
        path.write_text(case.mended)
    if case.time_mended is not None:
        (topology / "topology.yaml").write_text(TOPOLOGY.replace("TIME", case.time_mended))
    options = case.cured if case.cured is not None else case.options
    done = cli(*run, *(() if "--now" in options else NOW), *options, "--force")
    assert done.code == 0, done.err
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["events"] == 5


@pytest.mark.parametrize("content", ["", "\n\n", HEADER])
def test_a_file_without_a_row_is_no_failure(content: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "topology.yml").write_text(TOPOLOGY.replace("TIME", TIME))
    (tmp_path / "a.csv").write_text(content)
    done = cli("run", tmp_path, tmp_path / "a.csv", "--out", tmp_path / "out", *NOW, *TILL)
    assert (done.code, done.err) == (0, "")


def test_a_file_of_repeats_alone_is_no_failure(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "topology.yml").write_text(TOPOLOGY.replace("TIME", TIME))
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(native(id="one"))
    files = (tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    done = cli("run", tmp_path, *files, "--out", tmp_path / "out", *NOW)
    assert (done.code, done.err) == (0, "")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["events"], summary["repeated"]) == (1, 9)


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        ("`time` was '25.2.', which gives nothing by `x`", "`time` was …"),
        ("`time` was 25, which gives nothing by `x`: for seconds, write timestamp(row.a, 's')",
         "`time` was …: for seconds, write timestamp(row.a, 's')"),
        ("`x` gives nothing, where row.a is 5, row.b is 'ada'", "`x` gives nothing, where …"),
        ("`x` is missing: there is no `row.a`; the row has ada, 5",
         "`x` is missing: there is no `row.a` …"),
        ("not UTF-8 (byte 17)", "not UTF-8 (byte …)"),
        ("300000 bytes; 262144 at most", "… bytes; 262144 at most"),
        ("`time` was true, which gives nothing by `x`", "`time` was …"),
        ("`time` was a list, which gives nothing by `x`", "`time` was …"),
        ("Input data was truncated", "Input data was truncated"),
        ("ahead of the record's timestamp", "ahead of the record's timestamp"),
    ],
)  # fmt: skip
def test_refusals_are_told_without_values(detail: str, shown: str) -> None:
    assert without_values(detail) == shown
