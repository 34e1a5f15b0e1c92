"""The command line as a shell sees it: what goes to stdout and stderr, and the exit code."""

import hashlib
import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

import cjo_stream
from cjo_stream.cli.apply import say_applied
from cjo_stream.cli.terminal import confirm
from cjo_stream.definition import load
from cjo_stream.definition.schema import schema
from cjo_stream.errors import UsageError
from cjo_stream.installation.answer import Applied
from tests.world.command_line import EVENTS, SHOP, Cli, cli

__all__ = ["cli"]


class Terminal(io.StringIO):
    """Somebody who types this."""

    def isatty(self) -> bool:
        return True


def taken_whole(path: Path) -> dict[str, object]:
    """Return how `status` shows a file of which all was taken."""
    content = path.read_bytes()
    letters = (path.parent / "expected" / "dead_letters.jsonl").read_bytes().splitlines()
    lines = content.count(b"\n")
    return {
        "path": str(path), "bytes": len(content), "digest": hashlib.sha256(content).hexdigest(),
        "line": lines, "rows": lines, "refused": len(letters), "is_given_up": False,
    }  # fmt: skip


def results(folder: Path) -> dict[str, bytes]:
    """Return the files of a run but for its timings."""
    return {path.name: path.read_bytes() for path in folder.glob("*.jsonl")}


# --- how commands end


def test_an_unknown_command_is_refused_with_the_way_to_help(cli) -> None:
    done = cli("rum")
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert "--help" in done.err
    assert not done.out


def test_a_missing_argument_names_itself_and_the_commands_help(cli) -> None:
    done = cli("run")
    assert done.code == 2
    assert "TOPOLOGY" in done.err
    assert "`cjo-stream run --help`" in done.err


def test_without_a_command_the_help_is_shown(cli) -> None:
    done = cli()
    assert done.code == 2
    assert "demo" in done.out + done.err
    assert "error:" not in done.err


def test_a_wrong_call_names_the_help_in_a_sentence_of_its_own(cli: Cli) -> None:
    assert cli("validate", "--foo", "x").err.endswith(
        "No such option: --foo. See `cjo-stream validate --help`\n"
    )
    assert "'rum'. Did you mean 'run'? See `cjo-stream --help`" in cli("rum").err
    assert "'TOPOLOGY'. See `cjo-stream validate --help`" in cli("validate").err


def test_an_interruption_ends_with_130(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cjo_stream.definition.load", interrupt)
    done = cli("validate", SHOP)
    assert (done.code, done.err) == (130, "interrupted\n")


def test_an_argument_that_is_no_text_is_refused(cli) -> None:
    done = cli("validate", "shop\udcff")
    assert done.code == 2
    assert "shop\ufffd: this is not UTF-8" in done.err


def test_nothing_printed_tells_the_terminal_anything(cli, tmp_path: Path) -> None:
    done = cli("validate", tmp_path / "red\x1b[31m\x9b0m")
    assert "red\ufffd[31m\ufffd0m" in done.err
    assert "\x1b" not in done.err


def test_who_says_no_is_told_that_nothing_was_done(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    with pytest.raises(typer.Exit) as said:
        confirm("Apply shop?", yes=False)
    assert said.value.exit_code == 1
    assert "nothing was done" in cli("--version").err


def test_the_version_says_whether_the_engine_is_compiled(cli, monkeypatch) -> None:
    assert cli("--version").out == f"cjo-stream {cjo_stream.__version__}\n"
    monkeypatch.setattr(cjo_stream, "is_compiled", lambda: True)
    assert cli("--version").out == f"cjo-stream {cjo_stream.__version__} (compiled)\n"


def test_help_and_version_load_no_room() -> None:
    script = (
        "import sys\nfrom cjo_stream.cli.app import call\n"
        "assert call(['--help']) == 0\nassert call(['run', '--help']) == 0\n"
        "heavy = {'msgspec', 'pydantic_settings', 'rocksdict', 'confluent_kafka', 'ruamel'}\n"
        "sys.exit(repr(found) if (found := heavy & set(sys.modules)) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- definitions


def test_a_valid_topology_is_told_by_path_and_by_bundled_name(cli) -> None:
    assert cli("validate", SHOP).out == cli("validate", "shop").out
    assert json.loads(cli("validate", "shop", "--json").out)["valid"] is True
    refused = cli("validate", "shoq")
    assert refused.code == 2
    assert "name a folder with a topology" in refused.err
    with pytest.raises(UsageError, match=r"name a folder of \*\.yaml or \*\.yml files"):
        load(SHOP / "none")
    assert load(SHOP)


def test_every_error_of_a_topology_is_told_at_its_place(cli, tmp_path: Path) -> None:
    (tmp_path / "topology.yaml").write_text(
        "topology: bad\nchannels: {web: {in: {}}}\n"
        "identity: {identifiers: [{type: email, normalise: mail}]}\nunheard: 1\n"
    )
    done = cli("validate", tmp_path)
    assert done.code == 2
    assert "topology.yaml:3:" in done.err
    assert "topology.yaml:4:1: error CJO104: unknown key" in done.err
    assert " 4 | unheard: 1\n   | ^^^^^^^" in done.err
    assert done.err.splitlines()[-1].startswith("error: 2 errors")
    told = cli("validate", tmp_path, "--json")
    assert told.code == 2
    assert [found["line"] for found in json.loads(told.out)["diagnostics"]] == [3, 4]


def test_a_folder_that_is_not_there_is_refused_with_the_bundled_names(cli) -> None:
    done = cli("validate", "shoop")
    assert done.code == 2
    assert "federation, lending, shop" in done.err


def test_a_valid_topology_is_told_with_its_drafts(cli, tmp_path: Path) -> None:
    assert cli("init", tmp_path / "mine", "--template", "federation").code == 0
    plain = cli("validate", tmp_path / "mine").out
    assert "mine is valid: 4 journeys, " in plain
    (tmp_path / "mine" / "later.yaml").write_text(
        "journey: later\nversion: 1\nstatus: draft\nentry: {on: x}\ninitial: a\n"
        "states: {a: {after: {1d: b}}, b: {end: b}}\n"
    )
    told = cli("validate", tmp_path / "mine").out
    assert told == plain.replace("4 journeys, ", "4 journeys, 1 draft, ")


def test_schemas_are_listed_and_printed(cli) -> None:
    for kind in cli("schema").out.split():
        assert json.loads(cli("schema", kind).out)["title"] == kind
    assert cli("schema", "jorney").code == 2
    with pytest.raises(UsageError, match="did you mean 'journey'"):
        schema("jorney")
    assert schema("journey")


# --- run


@pytest.mark.slow
def test_a_run_leaves_its_files_and_tells_what_it_did(cli, tmp_path: Path) -> None:
    done = cli("run", SHOP, EVENTS, "--out", tmp_path / "out", "--drain", "3d", "--json")
    assert done.code == 0
    told = json.loads(done.out)
    assert told == json.loads((tmp_path / "out" / "summary.json").read_bytes())
    assert told["events"] > 500
    assert len(results(tmp_path / "out")["customers.jsonl"].splitlines()) == told["customers"]
    assert "results in" in cli("run", SHOP, EVENTS, "--out", tmp_path / "two").out


def test_a_state_folder_gives_the_same_results_and_takes_its_input_once(
    cli, tmp_path: Path
) -> None:
    cli("run", SHOP, EVENTS, "--out", tmp_path / "memory")
    kept = ("--state", tmp_path / "state")
    assert cli("run", SHOP, EVENTS, "--out", tmp_path / "disk", *kept).code == 0
    assert results(tmp_path / "disk") == results(tmp_path / "memory")
    again = cli("run", SHOP, EVENTS, "--out", tmp_path / "again", *kept, "--json")
    assert json.loads(again.out)["events"] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["absent.jsonl"], "absent.jsonl"),
        (["events.xml"], ".jsonl"),
        ([EVENTS, "--drain", "soon"], "--drain"),
        ([EVENTS, "--now", "noon"], "--now"),
        ([EVENTS, "--channel", "fax"], "fax"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_written(
    cli, tmp_path: Path, arguments: list[object], told: str
) -> None:
    done = cli("run", SHOP, *arguments, "--out", tmp_path / "out")
    assert done.code == 2
    assert told in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_results_of_an_earlier_run_are_kept_unless_forced(cli, tmp_path: Path) -> None:
    arguments = ("run", SHOP, EVENTS, "--out", tmp_path)
    assert cli(*arguments).code == 0
    refused = cli(*arguments)
    assert refused.code == 2
    assert "--force" in refused.err
    assert cli(*arguments, "--force").code == 0


def test_late_events_are_told_with_the_option_that_helps(cli, tmp_path: Path) -> None:
    backwards = tmp_path / "events.jsonl"
    backwards.write_bytes(b"".join(reversed(EVENTS.read_bytes().splitlines(keepends=True))))
    told = cli("run", SHOP, backwards, "--out", tmp_path / "out")
    assert told.code == 0
    assert "warning: " in told.err
    assert "--sort" in told.err
    assert "--sort" not in cli("run", SHOP, backwards, "--sort", "--out", tmp_path / "two").err


GREETER = """
topology: greeter
channels: {web: {in: {}, out: {address: user}}}
identity: {identifiers: [{type: user}]}
---
journey: hello
version: 1
entry: {on: joined}
initial: a
states: {a: {after: {1d: b}}, b: {end: b}}
"""


def greet(folder: Path, *days: int) -> Path:
    """Write a file of events, one on each of these days of March 2026."""
    one = {"type": "joined", "channel": "web", "identifiers": {"user": "u"}}
    path = folder / f"days-{'-'.join(map(str, days))}.jsonl"
    times = [f"2026-03-{day:02}T10:00:00Z" for day in days]
    path.write_text("".join(json.dumps({**one, "time": at}) + "\n" for at in times))
    return path


def test_events_behind_a_drained_clock_are_said_with_where_the_clock_stands(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "t.yaml").write_text(GREETER)
    run = ("run", tmp_path / "t", "--state", tmp_path / "s")
    assert not cli(*run, greet(tmp_path, 2), "--out", tmp_path / "1", "--drain", "7d").err
    behind = cli(*run, greet(tmp_path, 3), "--out", tmp_path / "2").err
    assert "1 of 1 event came too late" in behind
    assert "the clock of this state stood at 2026-03-09 10:00 UTC" in behind
    assert "--drain" in behind
    assert "--sort" not in behind
    history = cli("customer", "history", "user:u", "--state", tmp_path / "s").out
    assert ", of 2026-03-03 10:00:00Z, late: it moved no journey" in history
    assert history.count("late: ") == 1
    both = cli(*run, greet(tmp_path, 4, 20, 10), "--out", tmp_path / "3").err
    assert "2 of 3 events came too late" in both
    assert "--drain" in both
    assert "--sort" in both


def test_a_run_that_changes_the_set_in_force_says_so(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "t.yaml").write_text(GREETER)
    run = ("run", tmp_path / "t", "--state", tmp_path / "s")
    assert not cli(*run, greet(tmp_path, 2), "--out", tmp_path / "1").err
    assert not cli(*run, greet(tmp_path, 3), "--out", tmp_path / "2").err
    text = GREETER.replace("version: 1", "version: 2").replace("{1d: b}", "{2d: b}")
    (tmp_path / "t" / "t.yaml").write_text(text)
    changed = cli(*run, greet(tmp_path, 4), "--out", tmp_path / "3").err
    assert changed == "definition set 2 governs the state from this run on, after set 1\n"


# --- demo, simulate, customer, settings


@pytest.mark.slow
def test_the_demo_runs_and_shows_one_of_its_customers(cli, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    done = cli("demo", "--people", 60, "--days", 3, "--out", out)
    assert "are replaced" not in done.err
    predicted = (out / "predictions.jsonl").read_text().count('"predict":"buys"')
    assert re.search(rf"\n  buys +{predicted} .*\d\.\d{{3}}", done.out)
    assert "buys was predicted" in (out / "report.html").read_text()
    assert "no statement" in done.out
    assert "Z " not in done.out, "statements of consent are told apart by no time"
    assert "are replaced" in cli("demo", "--people", 60, "--days", 3, "--out", out).err
    assert done.code == 0
    assert "cart_recovery" in done.out
    assert "people came by" in done.out
    assert "fixed order" in done.out
    assert "that a gate stopped" in done.out
    assert f"{out / 'report.html'}   a report" in done.out
    assert "cart_recovery, version 1" in (out / "report.html").read_text()
    row = json.loads((out / "customers.jsonl").read_bytes().splitlines()[0])
    type_, values = next(iter(row["identifiers"].items()))
    shown = json.loads(
        cli("customer", "show", f"{type_}:{values[0]}", "--state", out / "state").out
    )
    assert shown["customer_id"] == row["customer_id"]


def test_without_the_extra_the_demo_says_how_to_get_its_report(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: find_spec(name) if name != "duckdb" else None
    )
    done = cli("demo", "--people", 5, "--days", 1, "--out", tmp_path)
    assert done.code == 0, done.err
    assert "pip install 'cjo-stream[insight]'; cjo-stream insight sink" in done.out
    assert not (tmp_path / "report.html").exists()


def test_the_demo_leaves_a_folder_of_somebody_elses_alone(cli, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = cli("demo", "--people", 5, "--days", 1, "--out", tmp_path)
    assert done.code == 2
    assert "--out" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_demo_needs_people_who_answer(cli, tmp_path: Path) -> None:
    done = cli("demo", "--topology", "lending", "--out", tmp_path / "out")
    assert (done.code, "the people of lending answer nothing" in done.err) == (2, True)
    assert not (tmp_path / "out").exists()


def test_a_demo_of_other_numbers_begins_anew(cli, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "file").write_text("somebody's")
    for out, words in ((tmp_path / "c", "no demo's"), (tmp_path / "c" / "file", "written to")):
        refused = cli("demo", "--out", out)
        assert refused.code == 2
        assert words in refused.err
        assert "name another folder with --out" in refused.err
    for people in (30, 20):
        assert cli("demo", "--people", people, "--days", 2, "--out", tmp_path / "a").code == 0
    assert cli("demo", "--people", 20, "--days", 2, "--out", tmp_path / "b").code == 0
    assert results(tmp_path / "a") == results(tmp_path / "b")


@pytest.mark.slow
def test_a_demo_goes_on_where_it_was_killed_and_begins_anew_without_its_files(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = ("demo", "--people", 20, "--days", 2, "--out", tmp_path)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def killed() -> None:
        with monkeypatch.context() as patch:
            patch.setattr("cjo_stream.embedded.demo.finish", interrupt)
            assert cli(*demo).code == 130

    assert cli(*demo).code == 0
    undisturbed = results(tmp_path)
    killed()
    done = cli(*demo)
    assert done.code == 0
    assert "going on" in done.err
    assert results(tmp_path) == undisturbed
    killed()
    (tmp_path / "actions.jsonl").unlink()
    assert cli(*demo).code == 0
    assert results(tmp_path) == undisturbed


def test_an_identifier_nobody_has_is_told_with_what_may_be_the_reason(cli, tmp_path: Path) -> None:
    assert cli("run", SHOP, EVENTS, "--out", tmp_path / "o", "--state", tmp_path / "s").code == 0
    show = ("customer", "show", "--state", tmp_path / "s")
    absent = cli(*show, "email:nobody@example.org")
    assert absent.code == 2
    assert "CJO_TENANT_KEY" in absent.err
    assert "nobody@example.org" not in absent.err
    assert "TYPE:VALUE" in cli(*show, "nobody@example.org").err
    assert "user_id" in cli(*show, "passport:1").err
    row = json.loads((tmp_path / "o" / "customers.jsonl").read_bytes().splitlines()[0])
    type_, values = next(iter(row["identifiers"].items()))
    assert cli(*show, f"{type_}:{values[0]}").code == 0
    assert cli("customer", "show", "email:a@b.org", "--state", tmp_path / "none").code == 2
    assert not (tmp_path / "none").exists()
    others = tmp_path / "var" / "log"
    others.mkdir(parents=True)
    (others / "syslog").touch()
    assert "holds no state" in cli("status", "--state", tmp_path / "var").err
    assert [path.name for path in others.iterdir()] == ["syslog"]


@pytest.mark.slow
def test_a_set_is_applied_to_a_state_folder_and_told(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, changed = tmp_path / "s", tmp_path / "shop"
    assert cli("run", SHOP, EVENTS, "--out", tmp_path / "o", "--state", state).code == 0
    asked = cli("apply", SHOP, "--state", state).err
    assert f"Apply shop (15 journeys, 32 actions) to {state}?" in asked
    assert "add --yes" in asked
    assert json.loads(cli("apply", SHOP, "--state", state, "--yes", "--json").out) == {
        "number": 1, "changed": False, "behind": [],
    }  # fmt: skip
    shutil.copytree(SHOP, changed)
    recovery = changed / "growth" / "cart_recovery.yaml"
    recovery.write_text(recovery.read_text().replace("version: 1", "version: 2"))
    with (changed / "topology.yaml").open("a") as file:
        file.write("\n# a comment\n")
    assert "set 2 is in force" in cli("apply", changed, "--state", state, "--yes").out
    told = json.loads(cli("status", "--state", state, "--json").out)
    assert set(told.pop("instances")["cart_recovery"]) == {"1"}  # they finish where they entered
    first, second = told.pop("sets")
    assert first == {"number": 1}  # the run's
    assert second["number"] == 2
    assert abs(second["by"]["at"] - time.time() * 1000) < 60_000
    assert not any(told.pop("holding").values())  # no command is held
    assert told == {
        "topology": "shop", "applied": 2, "begun": 2, "partitions": {"0": 2},
        "intake": {}, "libraries": [], "rolling_out": {}, "canaries": [],
        "files": [taken_whole(EVENTS)], "engine": "python",
    }  # fmt: skip
    said = cli("status", "--state", state).out
    assert ("set 2" in said, "engine here" in said) == (True, False)
    monkeypatch.setattr(cjo_stream, "is_compiled", lambda: True)
    assert "engine here: compiled\n" in cli("status", "--state", state).out
    for command in (("apply", SHOP, "--yes"), ("status",)):
        done = cli(*command, "--state", tmp_path / "none")
        assert (done.code, (tmp_path / "none").exists()) == (2, False)
    assert "state of topology shop" in cli("apply", "lending", "--state", state, "--yes").err
    assert "--keep-key is for Kafka" in cli("apply", SHOP, "--state", state, "--keep-key").err


@pytest.mark.parametrize("changed", [True, False])
def test_whether_intake_is_behind_is_told_by_every_apply(
    capsys: pytest.CaptureFixture[str], changed: bool
) -> None:
    say_applied(Applied(3, changed, ("web/0", "app/1")))
    said = capsys.readouterr()
    assert said.out.removeprefix("nothing changed: ").startswith("set 3 ")
    assert "has not switched to it yet in web/0, app/1: is it running?" in said.err
    say_applied(Applied(3, changed))
    assert not capsys.readouterr().err


@pytest.mark.slow
def test_no_set_is_applied_under_a_run_that_was_killed(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ("run", SHOP, EVENTS, "--out", tmp_path / "o", "--state", tmp_path / "s")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("cjo_stream.embedded.recorded.finish", interrupt)
        assert cli(*run).code == 130
    refused = cli("apply", SHOP, "--state", tmp_path / "s", "--yes")
    assert refused.code == 2
    assert "was killed" in refused.err
    assert cli(*run).code == 0
    assert cli("apply", SHOP, "--state", tmp_path / "s", "--yes").code == 0


def test_dead_letters_of_a_run_are_listed_without_their_values(cli) -> None:
    expected = SHOP / "expected"
    letters = [json.loads(x) for x in (expected / "dead_letters.jsonl").read_bytes().splitlines()]
    done = cli("dead-letters", "list", expected)
    assert done.code == 0
    assert letters[0]["value"] not in done.out
    assert f"malformed: {sum(one['reason'] == 'malformed' for one in letters)}\n" in done.err
    told = cli("dead-letters", "list", expected, "--json", "--reason", letters[0]["reason"])
    assert json.loads(told.out.splitlines()[0]) == letters[0]
    assert cli("dead-letters", "list", EVENTS).code == 2
    assert (
        "no dead letters of reason absurd; there are of"
        in cli("dead-letters", "list", expected, "--reason", "absurd").out
    )


def test_a_dead_letter_of_no_moment_is_listed(cli, tmp_path: Path) -> None:
    letter = {"time": 10**17, "reason": "invalid", "detail": "", "topic": "t", "value": ""}
    letters = json.dumps({**letter, "partition": 0, "offset": 1})
    (tmp_path / "dead_letters.jsonl").write_text(letters + "\n")
    assert "100000000000000000 ms" in cli("dead-letters", "list", tmp_path).out


def test_a_table_shows_data_as_it_stands_and_tells_the_terminal_nothing(cli, tmp_path) -> None:
    detail = "must match [a-z][a-z0-9_.]{0,99} [red]x[/red] :bug: \x1b[31m"
    letter = {
        "reason": "invalid",
        "detail": detail,
        "topic": "[bold]t",
        "partition": 0,
        "offset": 1,
        "value": "",
    }
    (tmp_path / "dead_letters.jsonl").write_text(json.dumps(letter) + "\n")
    told = " ".join(cli("dead-letters", "list", tmp_path).out.split())
    assert detail.replace("\x1b", "\ufffd") in told
    assert "[bold]t/0/1" in told


def test_simulated_files_are_what_run_reads(cli, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "made")
    for wrong, words in (
        ((), "name a folder for the files with --out DIR"),
        ((*out, "--answer"), "--answer is for --kafka"),
        ((*out, "--haste", 2), "--haste is for --answer"),
    ):
        refused = cli("simulate", "shop", *wrong)
        assert refused.code == 2
        assert words in refused.err
    made = cli(
        "simulate", "shop", "--people", 40, "--duration", "2d", "--out", tmp_path / "made",
        "--truth", "--json",
    )  # fmt: skip
    told = json.loads(made.out)
    done = cli(
        "run", "shop", tmp_path / "made" / "events.jsonl", "--out", tmp_path / "out", "--json"
    )
    summary = json.loads(done.out)
    records = summary["events"] + summary["repeated"] + summary["dead_letters"]
    assert records == told["records"]
    assert len((tmp_path / "made" / "truth.jsonl").read_bytes().splitlines()) == 40


def test_simulated_traffic_needs_a_place_to_go_to(cli) -> None:
    assert "--out" in cli("simulate", "shop").err
    assert "--out" in cli("simulate", "shop", "--kafka", "--truth").err
    assert cli("simulate", "shop", "--kafka", "--start", "0").code == 2
    for more in (["--out", "x"], ["--by-channel"], ["--out", "x", "--truth", "--by-channel"]):
        ignored = cli("simulate", "shop", "--kafka", *more)
        assert (ignored.code, "is for files" in ignored.err) == (2, True)


def test_only_people_on_kafka_answer_and_only_those_who_have_a_mind(cli) -> None:
    assert "people get no commands" in cli("simulate", "shop", "--answer", "--out", "x").err
    assert "--answer" in cli("simulate", "shop", "--kafka", "--haste", "60").err
    found = cli("simulate", "lending", "--kafka", "--answer")
    assert (found.code, "answer nothing" in found.err) == (2, True)


def test_settings_are_shown_with_their_source_and_without_secrets(
    cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CJO_TENANT_KEY", "a-very-well-kept-secret")
    monkeypatch.setenv("CJO_STAGE_PORT", "3")
    done = cli("settings", "--json")
    told = {one["name"]: one for one in json.loads(done.out)}
    assert told["tenant_key"]["source"] == "CJO_TENANT_KEY"
    assert "well-kept" not in done.out
    assert "CJO_STAGE_PORT is no setting" in done.err


def test_a_misspelt_variable_ends_the_command(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CJO_PARTITION", "3")
    done = cli("settings")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: there is no variable CJO_PARTITION; did you mean CJO_PARTITIONS?\n"


def test_a_wrong_variable_ends_the_command_with_its_name(
    cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CJO_PARTITIONS", "few")
    done = cli("settings")
    assert done.code == 2
    assert done.err.startswith("error: CJO_PARTITIONS: ")


def test_a_broker_that_is_away_is_one_error(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cjo_stream.kafka.topic.check.TIMEOUT_S", 0.3)
    monkeypatch.setattr("cjo_stream.kafka.client.admin.TIMEOUT_S", 0.3)
    monkeypatch.setenv("CJO_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:9")
    done = cli("topics", "verify")
    assert done.code == 1
    assert len(done.err.splitlines()) < 4
    assert done.err.splitlines()[-1].startswith("error: the broker does not answer")


def test_a_worker_refuses_the_demos_key(cli) -> None:
    done = cli("worker")
    assert done.code == 2
    assert "CJO_TENANT_KEY" in done.err


@pytest.mark.slow
def test_the_bench_measures_the_same_work_in_memory_and_on_disk(cli) -> None:
    told = json.loads(cli("bench", "--events", 1_000, "--json").out)
    memory, disk = told["memory"], told["disk"]
    assert memory["events_per_second"] > 0
    work = memory.keys() - {"wall_seconds", "events_per_second"}
    assert {name: memory[name] for name in work} == {name: disk[name] for name in work}


# --- report


def test_the_report_holds_a_run_against_its_truth(cli, tmp_path: Path) -> None:
    made = ("--people", 60, "--duration", "4d", "--out", tmp_path / "made", "--truth")
    assert cli("simulate", "shop", *made).code == 0
    events = tmp_path / "made" / "events.jsonl"
    assert cli("run", "shop", events, "--out", tmp_path / "out").code == 0
    truth, other = tmp_path / "made" / "truth.jsonl", tmp_path / "other.jsonl"
    for text, words in ((None, "cannot be read"), ("{}", "line 1"), ("", "the same `simulate`")):
        if text is not None:
            other.write_text(text)
        refused = cli("report", "identity", "--truth", other, tmp_path / "out")
        assert refused.code == 2
        assert words in refused.err
    told = json.loads(cli("report", "identity", "--truth", truth, tmp_path / "out", "--json").out)
    assert 0 < told["recall"] <= 1
    assert 0.9 < told["precision"] <= 1
    assert told["people"] <= 60
    assert "precision" in cli("report", "identity", "--truth", truth, tmp_path / "out").out


def test_its_errors_say_what_to_do_next(cli, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    truth.write_text(json.dumps({"person": "ann", "identifiers": {}, "shared": {}}) + "\n")
    nowhere = cli("report", "identity", "--truth", truth, tmp_path / "none")
    assert nowhere.code == 2
    assert "--out folder" in nowhere.err
    (tmp_path / "customers.jsonl").write_text(
        '{"customer_id": "c", "identifiers": {"cookie": ["c"]}}\n'
    )
    strangers = cli("report", "identity", "--truth", truth, tmp_path)
    assert strangers.code == 2
    assert "no customer of" in strangers.err
    truth.write_text("{}\n")
    broken = cli("report", "identity", "--truth", truth, tmp_path)
    assert "line 1" in broken.err
    assert "--truth" in broken.err
