"""`cjo-stream base` on a state folder: it goes on with other partitions, as if nothing was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.embedded.log import INTERNAL
from cjo_stream.embedded.state import StateFolder
from cjo_stream.engine.codec import BEHAVIOUR
from cjo_stream.engine.frame import tick_frame
from tests.world.command_line import EVENTS, SHOP, Cli, cli

__all__ = ["cli"]

LATER = "2d"
PARTITIONS = 7
OF_CUSTOMERS = ("actions", "decisions", "transitions", "rewards", "predictions", "measures")


class State:
    """A state folder of the shop, and the results of what is done with it."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self._cli = cli
        self.folder, self.state = folder, folder / "state"
        self._runs = 0

    def __call__(self, *words: object, code: int = 0) -> str:
        done = self._cli(*words, "--state", self.state)
        assert done.code == code, done.err
        return done.out + done.err

    def run(self, file: Path, *more: object) -> Path:
        self._runs += 1
        out = self.folder / f"out-{self._runs}"
        self("run", SHOP, file, "--out", out, *more)
        return out

    def moved(self, partitions: int, name: str) -> State:
        """Return this state as it is with so many partitions, in another folder."""
        there = State(self._cli, self.folder.with_name(name))
        export = there.folder / "export"
        self("base", "export", export)
        told = there("base", "import", export, "--partitions", partitions)
        assert " of 3 partitions" in told
        there._runs = self._runs
        return there


@pytest.fixture
def half(cli: Cli, tmp_path: Path) -> State:
    """Return the shop's state after half of its events, some of them held or taken back."""
    state = State(cli, tmp_path / "stayed")
    state.folder.mkdir()
    lines = EVENTS.read_text().splitlines(keepends=True)
    file = tmp_path / "events.jsonl"
    file.write_text("".join(lines[: len(lines) // 2]))
    out = state.run(file, "--partitions", 3)
    several = [row for row in rows(out) if is_several(row)]
    state("customer", "unlink", *linked(several[0]), "--yes")
    state("customer", "erase", ids(several[1])[0], "--yes")
    state("hold", "--all", "--who", "ann")
    file.write_text("".join(lines[: 2 * len(lines) // 3]))
    state.run(file)
    file.write_text("".join(lines))
    shutil.rmtree(state.folder / "state.operator")  # the moved one begins without
    return state


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "customers.jsonl").read_text().splitlines()]


def ids(row: dict[str, Any]) -> list[str]:
    return [f"{type_}:{value}" for type_, of in row["identifiers"].items() for value in of]


def is_several(row: dict[str, Any]) -> bool:
    return {"user_id", "cookie"} <= set(row["identifiers"])


def linked(row: dict[str, Any]) -> tuple[str, str]:
    """Return a user and a cookie that were linked."""
    own = ids(row)
    user = next(one for one in own if one.startswith("user_id:"))
    return user, next(one for one in own if one.startswith("cookie:c"))


def results(out: Path) -> dict[str, Any]:
    """Return of each file the lines of each customer; those about who is who have no order."""
    found: dict[str, Any] = {"customers": rows(out)} if (out / "customers.jsonl").exists() else {}
    for path in sorted(out.glob("*.jsonl")):
        lines = path.read_text().splitlines()
        if path.stem in OF_CUSTOMERS:
            by_customer = defaultdict(list)
            for line in lines:
                by_customer[json.loads(line)["customer_id"]].append(line)
            found[path.stem] = dict(by_customer)
        elif path.stem == "identities":
            found[path.stem] = sorted(lines)
    return found


def all_later(state: State) -> list[dict[str, Any]]:
    """Go on with a state; return all that it results in."""
    told = state("release", "--all", "--who", "ann")
    assert "released: 0 " not in told
    found = [results(state.folder / "state.operator")]
    found.append(results(state.run(state.folder.parent / "events.jsonl", "--drain", LATER)))
    several = [row for row in found[1]["customers"] if is_several(row)]
    state("customer", "unlink", *linked(several[-1]), "--yes")
    state("customer", "erase", ids(several[2])[0], "--yes")
    found.append(results(state.folder / "state.operator"))
    return [*found, json.loads(state("status", "--json"))]


def test_a_base_with_other_partitions_goes_on_as_if_nothing_was(half: State) -> None:
    moved = half.moved(PARTITIONS, "moved")
    stayed, there = all_later(half), all_later(moved)
    for one, other in zip(stayed[:-1], there[:-1], strict=True):
        assert set(one) == set(other)
        for name in one:
            assert one[name] == other[name], name
    assert sum(map(len, stayed[0]["actions"].values())) > 5, "what was held before the move"
    assert sum(map(len, stayed[1]["actions"].values())) > 10
    assert len(stayed[2]["identities"]) > 1
    assert list(there[-1]["partitions"]) == [str(number) for number in range(PARTITIONS)]
    for status in (stayed[-1], there[-1]):
        status.pop("partitions")
    assert stayed[-1] == there[-1]


# --- what is refused

ONE = (
    '{"type": "visit", "channel": "web", "time": "2026-03-01T08:00:00Z", '
    '"identifiers": {"user": "u1"}}\n'
)
SMALL = """
topology: small
channels: {web: {in: {}}}
identity: {identifiers: [{type: user}]}
"""


class Small:
    """A small state, and the words of commands about it."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self.cli, self.folder = cli, folder
        self.state, self.export, self.new = folder / "state", folder / "export", folder / "new"
        (folder / "small.yaml").write_text(SMALL)
        (folder / "one.jsonl").write_text(ONE)

    def run(self) -> None:
        words = ("run", self.folder, self.folder / "one.jsonl", "--out", self.folder / "out")
        done = self.cli(*words, "--state", self.state, "--force")
        assert done.code == 0, done.err

    def ok(self, *words: object) -> str:
        done = self.cli("base", *words)
        assert done.code == 0, done.err
        return done.out

    def refused(self, *words: object) -> str:
        done = self.cli("base", *words)
        assert done.code in (1, 2)
        return " ".join(done.err.split())


@pytest.fixture
def small(cli: Cli, tmp_path: Path) -> Small:
    return Small(cli, tmp_path)


def test_an_export_needs_a_state_at_rest_and_a_new_folder(small: Small) -> None:
    words = ("export", small.export, "--state", small.state)
    assert "holds no state" in small.refused(*words)
    StateFolder(small.state, is_new=True).close()
    assert "`run` something on it first" in small.refused(*words)
    small.run()
    with closing(StateFolder(small.state)) as folder:
        notes = dict(folder.log.notes("output:"))
        folder.log.append([], dict.fromkeys(notes, b"killed"))
    assert "Start that run again first" in small.refused(*words)
    with closing(StateFolder(small.state)) as folder:
        folder.log.append([], {**notes, "operator": b"killed"})
    assert "an operator's command" in small.refused(*words)
    with closing(StateFolder(small.state)) as folder:
        folder.log.append([], {"operator": b""})
        folder.log.append([(INTERNAL, 0, 0, tick_frame())])
    assert "has not processed its log to the end" in small.refused(*words)
    assert small.cli("apply", small.folder, "--state", small.state, "--yes").code == 0
    small.export.mkdir()
    (small.export / "mine.txt").write_text("mine")
    assert "mine.txt, which is no part of an export: name a new folder" in small.refused(*words)
    (small.export / "mine.txt").unlink()
    (small.export / "partition-0007.pairs").write_text("of an export that was killed")
    assert small.ok(*words).startswith(f"exported to {small.export}: small, 2 actors")
    assert not (small.export / "partition-0007.pairs").exists()
    assert "holds an export already" in small.refused(*words)


def test_an_import_needs_a_whole_export_the_same_key_and_a_new_folder(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.run()
    small.ok("export", small.export, "--state", small.state)
    words = ("import", small.export, "--state", small.new)
    (file,) = small.export.glob("partition-*")
    kept = file.read_bytes()
    file.write_bytes(kept[:-1] + b"?")
    assert "not as it was written: bring the export back from a copy" in small.refused(*words)
    file.unlink()
    assert "bring the export back from a copy" in small.refused(*words)
    file.write_bytes(kept)
    manifest = small.export / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"form":1', '"form":2'))
    assert "Import it with the release that wrote it" in small.refused(*words)
    manifest.write_text(text.replace("small", "other"))
    assert "not as it was written" in small.refused(*words)
    manifest.write_text("{")
    assert "not as it was written" in small.refused(*words)
    manifest.write_text(of_behaviour(text, BEHAVIOUR + 1))
    assert "Import it by that release, or a later one" in small.refused(*words)
    manifest.unlink()
    assert "holds no whole export" in small.refused(*words)
    manifest.write_text(text)
    monkeypatch.setenv("CJO_TENANT_KEY", "another key, of more than 16 letters")
    assert "CJO_TENANT_KEY is not the key of the export" in small.refused(*words)
    monkeypatch.delenv("CJO_TENANT_KEY")
    assert "--from-beginning and --mirrored are for Kafka" in small.refused(*words, "--mirrored")
    (small.folder / "new.importing" / "log").mkdir(parents=True)  # of an import that was killed
    small.ok(*words)
    assert not (small.folder / "new.importing").exists()
    assert "holds a state already: name a new folder" in small.refused(*words)
    small.state = small.new
    small.run()


def of_behaviour(manifest: str, behaviour: int) -> str:
    """Return a manifest as a release of that behaviour would have written it."""
    text = manifest.splitlines()[0].replace(f'"behaviour":{BEHAVIOUR}', f'"behaviour":{behaviour}')
    return f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n"


def test_on_kafka_the_settings_say_how_many_partitions_there_are(small: Small) -> None:
    assert "CJO_PARTITIONS says how many" in small.refused("import", "x", "--partitions", 3)
    two = small.refused("import", "x", "--mirrored", "--from-beginning")
    assert "give one of the two options" in two
