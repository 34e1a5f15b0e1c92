"""Dead letters of a run: shown, mended, and taken by the next run on the same state, each once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.world.command_line import Cli, cli

__all__ = ["cli"]

TOPOLOGY = """
topology: small
channels: {web: {in: {}}}
identity: {identifiers: [{type: user}]}
profile: {traits: {visits: {count: visit}}}
"""
EDIT = "time = row.attributes.at"


def visit(number: int, **other: object) -> dict[str, object]:
    return {
        "type": "visit",
        "identifiers": {"user": f"u{number}"},
        "channel": "web",
        "attributes": {"at": "2026-03-01T10:00:00Z"},
        **other,
    }


@pytest.fixture
def ran(cli: Cli, tmp_path: Path) -> Path:
    """Return the folder of a run that took one visit, refused ten without a time, and others."""
    (tmp_path / "topology").mkdir()
    (tmp_path / "topology" / "all.yaml").write_text(TOPOLOGY)
    lines = [json.dumps(visit(number)) for number in range(10)]
    lines += ["{", json.dumps(visit(99, time="2026-03-01T10:00:00Z", identifiers={}))]
    lines.append(json.dumps(visit(100, time="2026-03-01T10:00:00Z")))
    (tmp_path / "events.jsonl").write_text("\n".join(lines) + "\n")
    taken(cli, tmp_path, tmp_path / "events.jsonl", "out")
    return tmp_path


def taken(cli: Cli, folder: Path, file: Path, out: str) -> int:
    """Run a file on the state; return how many visits customers have then."""
    done = cli(
        "run", folder / "topology", file, "--out", folder / out, "--state", folder / "state"
    )
    assert done.code == 0, done.err
    lines = (folder / out / "customers.jsonl").read_text().splitlines()
    return sum(json.loads(line)["traits"].get("visits", 0) for line in lines)


def redrive(cli: Cli, folder: Path, *more: str) -> dict[str, Any]:
    done = cli(
        "dead-letters", "redrive", folder / "out", "--state", folder / "state", "--json", *more
    )
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_a_letter_is_shown_in_full(cli: Cli, ran: Path) -> None:
    shown = cli("dead-letters", "show", "events.jsonl/0/3", ran / "out")
    assert json.loads(shown.out)["value"] == json.dumps(visit(2))
    wrong = cli("dead-letters", "show", "events.jsonl/0/33", ran / "out")
    assert (wrong.code, "as `dead-letters list` prints it" in wrong.err) == (2, True)


def test_mended_letters_are_taken_once_by_the_next_run(cli: Cli, ran: Path) -> None:
    dry = redrive(cli, ran, "--edit", EDIT, "--dry-run")
    assert dry["sent"] == 10
    assert dry["letters"] == {"invalid": 10, "malformed": 1, "unidentified": 1}
    left = [(one["reason"], one["number"]) for one in dry["left"]]
    assert left == [("malformed", 1), ("unidentified", 1)]
    assert not list((ran / "out" / "redriven").iterdir())
    some = redrive(cli, ran, "--edit", EDIT, "--yes", "--where", "row.identifiers.user == 'u3'")
    assert some["sent"] == 1
    assert taken(cli, ran, Path(str(some["file"])), "out2") == 2
    rest = redrive(cli, ran, "--edit", EDIT, "--yes", "--reason", "invalid")
    assert (rest["sent"], rest["before"], rest["left"]) == (9, 1, [])
    assert taken(cli, ran, Path(str(rest["file"])), "out3") == 11
    none = redrive(cli, ran, "--edit", EDIT, "--yes", "--reason", "invalid")
    assert (none["sent"], none["before"], none["file"]) == (0, 10, None)


def test_a_redrive_that_is_killed_leaves_no_letter_out_and_none_twice(
    cli: Cli, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def dies(*_: object) -> None:
        raise KilledError

    again = ("--edit", EDIT, "--yes")
    for name, of in (("fsync", os), ("rename", Path)):
        with monkeypatch.context() as patch:
            patch.setattr(of, name, dies)
            with pytest.raises(KilledError):
                redrive(cli, ran, *again)
    whole = redrive(cli, ran, *again)
    assert (whole["sent"], whole["before"]) == (10, 0)
    assert taken(cli, ran, Path(str(whole["file"])), "out2") == 11


def test_what_cannot_be_sent_again_is_told(cli: Cli, ran: Path) -> None:
    told = cli("dead-letters", "redrive", ran / "out", "--state", ran / "state", "--dry-run",
               "--where", "row.attributes.at > 5")  # fmt: skip
    assert "0 dead letters would be sent again" in told.out
    assert "--where: row.attributes.at: 11 values could not be used" in told.err
    whole = cli("dead-letters", "redrive", ran / "out", "--state", ran / "state", "--yes")
    assert "12 dead letters left, which would be refused again" in whole.out
    for wrong, says in (
        (["--reason", "invlid", "--dry-run"], "no dead letters of reason invlid; there are of"),
        (["--dry-run"], "Name the state folder of the run"),
    ):
        at = [] if len(wrong) == 1 else ["--state", str(ran / "state")]
        done = cli("dead-letters", "redrive", ran / "out", *at, *wrong)
        assert (done.code, says in done.err) == (2, True), done.err
    kafka = cli("dead-letters", "redrive", "--state", ran / "state", "--dry-run")
    assert "are for the letters of a run" in kafka.err
