"""The emergency stop on a state folder: commands wait over runs and kills, and none is doubled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.cli.hold import warn_behind
from cjo_stream.embedded.effects import Effects
from cjo_stream.embedded.operator import InFolder
from cjo_stream.engine.hold import Hold, Which
from cjo_stream.installation.answer import Holding
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

TOPOLOGY = """
topology: small
channels:
  web: {in: {}}
  mail: {out: {address: user}}
  bell: {out: {address: user}}
identity: {identifiers: [{type: user}]}
---
journey: visit
version: 1
entry: {on: visit}
initial: here
states:
  here: {enter: [{act: hello}, {act: ring}], end: gone}
---
action: hello
class: service
expires: 1h
treatments: {mail: {template: hello}}
---
action: ring
class: service
treatments: {bell: {template: ring}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "topology").mkdir()
    (tmp_path / "topology" / "all.yaml").write_text(TOPOLOGY)
    return tmp_path


def visits(folder: Path, first: int, hour: int, users: int = 20) -> Path:
    """Write a file of visits, one a user, and return it."""
    path = folder / f"{first}.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "type": "visit",
                    "time": f"2026-03-01T{hour:02}:00:00Z",
                    "identifiers": {"user": f"u{number}"},
                    "channel": "web",
                }
            )
            + "\n"
            for number in range(first, first + users)
        )
    )
    return path


def run(cli: Cli, folder: Path, file: Path, *more: str) -> list[str]:
    """Run a file on the state; return the actions that came out, by name."""
    out = folder / f"out-{file.stem}"
    done = cli("run", folder / "topology", file, "--out", out, "--state", folder / "state", *more)
    assert done.code == 0, done.err
    return actions(out / "actions.jsonl")


def actions(path: Path) -> list[str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)["action"] for line in lines]


def released(folder: Path) -> list[str]:
    return actions(folder / "state.operator" / "actions.jsonl")


def test_a_channel_is_held_over_runs_and_sent_when_it_is_released(cli: Cli, folder: Path) -> None:
    state = folder / "state"
    assert run(cli, folder, visits(folder, 0, 8)) == ["hello", "ring"] * 20
    held = cli("hold", "--channel", "mail", "--why", "wrong price", "--who", "ann",
               "--state", state)  # fmt: skip
    assert (held.code, held.out) == (0, "held: channel mail\n")
    assert run(cli, folder, visits(folder, 100, 9)) == ["ring"] * 20
    assert run(cli, folder, visits(folder, 200, 10)) == ["ring"] * 20
    status = cli("status", "--state", state).out
    assert "held: channel mail, by ann since " in status
    assert "(wrong price); waiting: 40 commands" in status
    assert (
        "commands that an operator holds"
        in cli("customer", "erase", "user:u100", "--yes", "--state", state).out
    )
    freed = cli("release", "--channel", "mail", "--who", "ann", "--state", state)
    # By the stream clock, 10 o'clock, those of 9 o'clock are late by their hour.
    assert freed.out.splitlines() == ["released: 20 commands sent, 20 expired commands dropped"]
    assert released(folder) == ["hello"] * 20
    assert run(cli, folder, visits(folder, 300, 11)) == ["hello", "ring"] * 20
    assert "held:" not in cli("status", "--state", state).out


def test_a_release_that_is_killed_goes_on_and_sends_nothing_again(cli: Cli, folder: Path) -> None:
    """It dies between any two steps; the next command ends what it began."""
    run(cli, folder, visits(folder, 0, 8), "--partitions", "3")
    state = folder / "state"
    assert cli("hold", "--all", "--who", "ann", "--state", state).code == 0
    assert run(cli, folder, visits(folder, 100, 9, users=60)) == []
    sent: list[int] = []
    for writes in (1, 2, 1, 3, 2, 99):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("cjo_stream.embedded.hold._RELEASE_RECORDS_MAX", 20)
            dies_after(patch, writes)
            try:
                InFolder(state, b"").release(Hold(Which(), "ann", "", 0))
            except KilledError:
                sent.append(len(released(folder)))
    assert sorted(released(folder)) == ["hello"] * 60 + ["ring"] * 60
    ids = [
        json.loads(line)["action_id"]
        for line in (state.with_name("state.operator") / "actions.jsonl").read_text().splitlines()
    ]
    assert len(set(ids)) == 120
    assert len(set(sent)) > 2


class KilledError(BaseException):
    """The process dies here."""


def dies_after(patch: pytest.MonkeyPatch, writes: int) -> None:
    """Let the process die before so many of the log's writes of a release are made."""
    release, made = Effects._release, [0]

    def dying(self: Effects, partition: int, now_ms: int) -> None:
        append = self._log.append

        def counted(appends: object, notes: dict[str, bytes] | None = None) -> None:
            made[0] += 1
            if made[0] == writes:
                raise KilledError
            append(appends, notes)  # type: ignore[arg-type] # passed on as it came

        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(self._log, "append", counted)
            release(self, partition, now_ms)

    patch.setattr(Effects, "_release", dying)


def test_what_cannot_be_held_or_released_is_named(cli: Cli, folder: Path) -> None:
    run(cli, folder, visits(folder, 0, 8))
    at = ["--state", str(folder / "state"), "--who", "ann"]
    assert "did you mean mail?" in cli("hold", "--channel", "mial", *at).err
    assert "name one of bell, mail" in cli("hold", "--channel", "web", *at).err
    assert "did you mean hello?" in cli("hold", "--action", "helo", *at).err
    for command in ("hold", "release"):
        for wrong in ([], ["--all", "--channel", "mail"]):
            done = cli(command, *wrong, *at)
            assert (done.code, f"{command} what?" in done.err) == (2, True)
    assert "nothing to release" in cli("release", "--channel", "mail", *at).err
    assert cli("hold", "--channel", "mail", "--action", "hello", *at).code == 0
    assert (
        "Held are channel mail action hello, by ann"
        in cli("release", "--channel", "mail", *at).err
    )
    theirs = cli("release", "--all", "--who", "bob", "--state", folder / "state")
    assert "bob holds nothing like that" in theirs.err
    assert cli("release", "--channel", "mail", "--action", "hello", *at).code == 0


def test_two_operators_hold_for_themselves(cli: Cli, folder: Path) -> None:
    run(cli, folder, visits(folder, 0, 8))
    at = ["--channel", "mail", "--state", str(folder / "state")]
    for who in ("ann", "bob"):
        assert cli("hold", *at, "--who", who).code == 0
    assert run(cli, folder, visits(folder, 100, 9)) == ["ring"] * 20
    first = cli("release", *at, "--who", "ann").out
    assert first.startswith("released: 0 commands sent")
    assert "held: channel mail, by bob" in first
    assert cli("release", *at, "--who", "bob").out.startswith("released: 20 commands sent")
    assert released(folder) == ["hello"] * 20


def test_a_hold_is_not_said_to_be_in_force_before_dispatch_and_webhook_heed_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    warn_behind(Holding())
    assert capsys.readouterr().err == ""
    warn_behind(Holding(behind=[1, 3]))
    assert "not known to be in force in partitions 1, 3: no dispatch" in said(capsys)
    warn_behind(Holding(unheeding=["cjo.action.mail.v1/0"]))
    assert "not known to be in force in cjo.action.mail.v1/0: webhook has read" in said(capsys)


class Unanswered(InFolder):
    """A state of which dispatch or webhook says nothing."""

    def __init__(self, folder: Path, **answer: Any) -> None:
        super().__init__(folder, b"")
        self._answer = answer

    def holding(self) -> Holding:
        return msgspec.structs.replace(super().holding(), **self._answer)


SILENT: list[tuple[dict[str, Any], str]] = [
    ({"unheeding": ["cjo.action.mail.v1/0"]}, "in cjo.action.mail.v1/0: webhook has read"),
    ({"behind": [0]}, "in partitions 0: no dispatch"),
]


@pytest.mark.parametrize(("answer", "warning"), SILENT)
def test_a_hold_that_is_not_known_to_be_in_force_is_not_said_to_be_held(
    cli: Cli,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: dict[str, Any],
    warning: str,
) -> None:
    run(cli, folder, visits(folder, 0, 8))
    where = Unanswered(folder / "state", **answer)
    monkeypatch.setattr("cjo_stream.cli.hold.installation_of", lambda *_: where)
    monkeypatch.setattr("cjo_stream.cli.hold.IN_FORCE_S", 0.0)
    done = cli("hold", "--channel", "mail", "--who", "ann")
    assert (done.code, done.out) == (1, "")
    assert f"not known to be in force {warning}" in " ".join(done.err.split())


def test_a_release_that_webhook_does_not_answer_waits_for_dispatch_all_the_same(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(cli, folder, visits(folder, 0, 8))
    assert cli("hold", "--all", "--who", "ann", "--state", folder / "state").code == 0
    assert run(cli, folder, visits(folder, 100, 8)) == []
    where = Unanswered(folder / "state", unheeding=["cjo.action.mail.v1/0"])
    monkeypatch.setattr("cjo_stream.cli.hold.installation_of", lambda *_: where)
    monkeypatch.setattr("cjo_stream.cli.hold.IN_FORCE_S", 0.0)
    done = cli("release", "--all", "--who", "ann")
    assert done.code == 1
    assert "webhook has read there" in " ".join(done.err.split())
    assert done.out == "released: 40 commands sent, 0 expired commands dropped\n"


def test_a_release_that_dispatch_does_not_answer_says_no_number(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(cli, folder, visits(folder, 0, 8))
    assert cli("hold", "--all", "--who", "ann", "--state", folder / "state").code == 0
    where = Unanswered(folder / "state", behind=[0])
    monkeypatch.setattr("cjo_stream.cli.hold.installation_of", lambda *_: where)
    monkeypatch.setattr("cjo_stream.cli.hold.IN_FORCE_S", 0.0)
    done = cli("release", "--all", "--who", "ann")
    assert (done.code, done.out) == (1, "")


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())
