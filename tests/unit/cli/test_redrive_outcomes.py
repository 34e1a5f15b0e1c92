"""Letters of outcomes that only their customer refused: left, unless an edit changes them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.errors import InputError, RetryError
from cjo_stream.ingest.mending import Mending
from cjo_stream.installation.answer import Refused
from tests.world.command_line import Cli, Done, cli

__all__ = ["cli"]

TOPOLOGY = """
topology: small
channels: {web: {in: {}}}
identity: {identifiers: [{type: user}]}
profile: {traits: {visits: {count: visit}}}
"""
GREETING = """
---
journey: greet
version: 1
entry: {on: visit}
initial: a
states: {a: {enter: [{act: hello}], end: done}}
---
action: hello
class: transactional
treatments: {web: {template: hello_v1}}
---
policy: p
"""
AGAIN = ("--edit", "attributes.again = true")


def event(type_: str = "cjo.outcome", **attributes: object) -> str:
    shared = {"time": "2026-03-01T10:00:00Z", "channel": "web", "identifiers": {"user": "u"}}
    return json.dumps({"type": type_, **shared, "attributes": attributes})


CLICKED = event(action="hello", outcome="clicked")
OF_NOBODY = event(action="helo", outcome="click")
OF_NO_ID = event(action_id="a1", outcome="click")


def ran(cli: Cli, folder: Path, lines: list[str], out: str) -> Done:
    (folder / "topology").mkdir(exist_ok=True)
    (folder / "topology" / "all.yaml").write_text(TOPOLOGY)
    file = folder / f"{out}.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return run(cli, folder, file, out)


def run(cli: Cli, folder: Path, file: Path, out: str, *more: str) -> Done:
    return cli(
        "run", folder / "topology", file, "--out", folder / out, "--state", folder / "state", *more
    )


def redrive(cli: Cli, folder: Path, out: str, *more: str) -> dict[str, Any]:
    done = cli("dead-letters", "redrive", folder / out, "--state", folder / "state", "--json",
               "--yes", *more)  # fmt: skip
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def file_of(folder: Path, out: str) -> dict[str, Any]:
    (file,) = json.loads((folder / out / "summary.json").read_text())["files"]
    assert isinstance(file, dict)
    return file


def test_outcomes_that_would_be_refused_again_are_left(cli: Cli, tmp_path: Path) -> None:
    ran(cli, tmp_path, [CLICKED, OF_NOBODY, OF_NO_ID, event("visit")], "out")
    found = redrive(cli, tmp_path, "out")
    assert (found["sent"], found["edited"], sum(one["number"] for one in found["left"])) == (
        0,
        0,
        3,
    )
    details = [one["detail"] for one in found["left"]]
    assert sum("sent again only with an --edit that changes it" in one for one in details) == 3
    assert any(one.startswith("`outcome` is none of") for one in details)


def test_an_edit_that_changes_an_outcome_sends_it_once(cli: Cli, tmp_path: Path) -> None:
    ran(cli, tmp_path, [OF_NOBODY, event("visit")], "out")
    wrong = redrive(cli, tmp_path, "out", "--edit", "attributes.outcome = 'clicked'")
    assert (wrong["sent"], wrong["left"][0]["detail"][:23]) == (0, "`outcome` is none of de")
    found = redrive(cli, tmp_path, "out", *AGAIN)
    assert (found["sent"], found["edited"]) == (1, 1)
    done = run(cli, tmp_path, Path(found["file"]), "out2")
    assert done.code == 1
    again = redrive(cli, tmp_path, "out2", *AGAIN)
    assert (again["sent"], [one["number"] for one in again["left"]]) == (0, [1])


def test_what_is_told_sends_an_outcome_that_came_too_early(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "topology").mkdir()
    (tmp_path / "topology" / "all.yaml").write_text(
        TOPOLOGY.replace("web: {in: {}}", "web: {in: {}, out: {address: user}}") + GREETING
    )
    early, visits = tmp_path / "early.jsonl", tmp_path / "visits.jsonl"
    early.write_text(event(action="hello", outcome="click") + "\n")
    visits.write_text(event("visit") + "\n")
    assert run(cli, tmp_path, early, "out").code == 1
    assert run(cli, tmp_path, visits, "out2").code == 0
    (left,) = redrive(cli, tmp_path, "out")["left"]
    edit = re.search(r'--edit "(.*)" does', left["detail"])
    assert edit is not None, left
    found = redrive(cli, tmp_path, "out", "--edit", edit[1])
    assert (found["sent"], found["left"]) == (1, [])
    assert run(cli, tmp_path, Path(found["file"]), "out3").code == 0
    assert not (tmp_path / "out3" / "dead_letters.jsonl").read_text()


def test_mended_is_what_an_edit_has_changed(cli: Cli, tmp_path: Path) -> None:
    other = event("visit").replace('"web"', '"app"')
    ran(cli, tmp_path, [other, event("visit")], "out")
    topology = tmp_path / "topology" / "all.yaml"
    topology.write_text(TOPOLOGY.replace("{web: {in: {}}}", "{web: {in: {}}, app: {in: {}}}"))
    (tmp_path / "more.jsonl").write_text(event("visit") + "\n")
    run(cli, tmp_path, tmp_path / "more.jsonl", "out2")  # by which the state has the channel
    done = cli("dead-letters", "redrive", tmp_path / "out", "--state", tmp_path / "state", "--yes")
    assert "1 dead letter written into" in done.out, done.err
    assert "of them mended" not in done.out


@pytest.mark.parametrize("partitions", ["1", "3"])
def test_a_run_of_which_customers_refuse_every_row_fails_with_the_cause(
    cli: Cli, tmp_path: Path, partitions: str
) -> None:
    (tmp_path / "topology").mkdir()
    (tmp_path / "topology" / "all.yaml").write_text(TOPOLOGY)
    file = tmp_path / "in.jsonl"
    file.write_text(f"{OF_NOBODY}\n{OF_NOBODY}\n{CLICKED}\n")
    done = run(cli, tmp_path, file, "out", "--partitions", partitions)
    assert done.code == 1
    assert "all 3 new rows were refused. Its outcomes are of no command of this state" in done.err
    assert file_of(tmp_path, "out")["refused"] == 3
    file.write_text(f"{event('visit')}\n{OF_NO_ID}\n")  # nothing was taken of it: it may change
    done = run(cli, tmp_path, file, "out2")
    assert (done.code, file_of(tmp_path, "out2")["refused"]) == (0, 1)
    with file.open("a") as more:
        more.write(f"{OF_NO_ID}\n")
    assert run(cli, tmp_path, file, "out3").code == 1
    assert file_of(tmp_path, "out3") | {"cause": None} == {
        "name": "in.jsonl", "standing": "grown", "rows": 1, "refused": 1, "cause": None,
    }  # fmt: skip


@pytest.mark.parametrize("cores", ["1", "2"])
def test_a_run_without_a_state_fails_likewise(cli: Cli, tmp_path: Path, cores: str) -> None:
    (tmp_path / "topology").mkdir()
    (tmp_path / "topology" / "all.yaml").write_text(TOPOLOGY)
    (tmp_path / "in.jsonl").write_text(f"{OF_NOBODY}\n")
    (tmp_path / "good.jsonl").write_text(f"{event('visit')}\n")
    done = cli("run", tmp_path / "topology", tmp_path / "good.jsonl", tmp_path / "in.jsonl",
               "--out", tmp_path / "out", "--cores", cores)  # fmt: skip
    assert (done.code, "in.jsonl: its new row was refused" in done.err) == (1, True)


def test_a_killed_run_that_goes_on_in_a_renamed_file_counts_what_customers_refuse(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise RetryError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("cjo_stream.embedded.recorded.feed", killed)
        assert "killed" in ran(cli, tmp_path, [OF_NOBODY, OF_NO_ID], "out").err
    renamed = (tmp_path / "out.jsonl").rename(tmp_path / "renamed.jsonl")
    assert run(cli, tmp_path, renamed, "out").code == 1
    assert file_of(tmp_path, "out")["refused"] == 2


def test_doctor_counts_outcomes_that_cannot_be_taken(cli: Cli, tmp_path: Path) -> None:
    ran(cli, tmp_path, [CLICKED, OF_NOBODY, event("visit")], "out")
    done = cli("doctor", tmp_path / "topology", tmp_path / "out.jsonl", "--json")
    assert done.code == 1
    seen = json.loads(done.out)["file"]
    assert (seen["rows"], seen["refused"], seen["events"]) == (3, 2, 1)


def where(cli: Cli, folder: Path, chosen: str) -> Done:
    return cli("dead-letters", "redrive", folder / "out", "--state", folder / "state",
               "--dry-run", "--where", chosen)  # fmt: skip


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("raeson", "did you mean item.reason?"),
        ("when", "it has reason, detail, topic, partition, offset"),
    ],
)
def test_a_field_that_no_dead_letter_has_is_refused(
    cli: Cli, tmp_path: Path, field: str, told: str
) -> None:
    ran(cli, tmp_path, [OF_NOBODY, event("visit")], "out")
    done = where(cli, tmp_path, f"item.{field} == 'invalid'")
    assert (done.code, told in done.err) == (2, True), done.err
    assert "1 dead letter left" in where(cli, tmp_path, "item.reason == 'invalid'").out


def test_it_is_told_that_where_chose_none(cli: Cli, tmp_path: Path) -> None:
    ran(cli, tmp_path, [OF_NOBODY, event("visit")], "out")
    done = where(cli, tmp_path, "item.reason == 'invlaid'")
    assert done.code == 0
    assert "--where chose none of the dead letters; there are invalid 1" in done.err


def test_what_is_for_a_state_alone_is_refused_without_one(cli: Cli, tmp_path: Path) -> None:
    done = cli("run", "shop", "x.jsonl", "--out", tmp_path / "out", "--again")
    assert (done.code, "--again is for a state" in done.err) == (2, True)
    (tmp_path / "in.jsonl").write_text("")
    kept = ["--state", tmp_path / "state", "--out", tmp_path / "out"]
    assert cli("run", "shop", tmp_path / "in.jsonl", *kept, "--again").code == 0


def test_files_of_a_folder_that_are_not_read_are_named(
    cli: Cli, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "topology").mkdir()
    (tmp_path / "topology" / "all.yaml").write_text(TOPOLOGY)
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("x.jsonl", "data.ndjson", "z.jsonl.gzip", ".hidden"):
        (folder / name).write_text(event("visit") + "\n")
    done = cli("run", tmp_path / "topology", folder, "--out", tmp_path / "out")
    assert done.code == 0
    assert f"{folder / 'data.ndjson'}, {folder / 'z.jsonl.gzip'}" in caplog.text
    assert ".hidden" not in caplog.text


def test_a_letter_on_kafka_is_chosen_by_the_same_rule() -> None:
    value = OF_NO_ID.encode()
    letter = Refused(
        reason="invalid",
        detail="this customer has no command of that `action_id`",
        topic="cjo.outcome.v1",
        partition=0,
        offset=7,
        value=OF_NO_ID,
    )
    with pytest.raises(InputError, match="only with an --edit that changes it"):
        Mending().mended(letter, value)
    same = Mending(edits=["attributes.outcome = 'click'"])
    with pytest.raises(InputError, match="only with an --edit that changes it"):
        same.mended(letter, value)
    changed = Mending(edits=["attributes.action_id = 'a2'"]).mended(letter, value)
    assert json.loads(changed)["attributes"] == {"action_id": "a2", "outcome": "click"}
