"""What each release wrote is opened by this one: `tests/replay/history`, one a behaviour number.

Of this release's number it goes on byte for byte. Of an earlier one it goes on after a stop in
order, and is refused, with the way out, where that release left it in the middle.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

import cjo_stream
from cjo_stream.core.profile import trait
from cjo_stream.engine import codec
from cjo_stream.engine.dispatch import Dispatch
from cjo_stream.engine.port import LogRecord
from cjo_stream.errors import RefusalError
from cjo_stream.kafka.position.clock import clocks_of
from cjo_stream.kafka.position.folder import Folder, folders_of, record_key
from cjo_stream.kafka.position.position import copies_of
from cjo_stream.kafka.worker.state import LogRange, StateFolder
from cjo_stream.store.checkpoint import Checkpoints
from cjo_stream.store.memory import MemoryStore
from tests.replay.history import folder, kept, told
from tests.replay.history.__main__ import main as write_history
from tests.replay.history.contents import ALL, read_topic
from tests.replay.history.kept import PARTITIONS, History, Taken, open_task
from tests.replay.history.layout import drawn, structs_of, without_rooms
from tests.replay.history.made import INTERNAL_ID, make, product, run_killed
from tests.replay.history.missing import met_in_run, missing_in, missing_in_walk
from tests.replay.history.walk import Walk

RAISE = (
    "raise BEHAVIOUR in engine/codec.py by one against the last release, and write a history "
    'beside the others with `python -m tests.replay.history`: see "When to raise the behaviour '
    'number" in ARCHITECTURE.md'
)
WAY_OUT = (
    "This is another result, or another layout, than what stands in tests/replay/history under "
    f"behaviour number {codec.BEHAVIOUR}. If it is meant: {RAISE}"
)
LEFT = "Start that release once more, stop it cleanly"
OTHERS = [number for number in kept.kept() if number != codec.BEHAVIOUR]
SAME_BYTES: dict[str, str | None] = {}
"""What is drawn otherwise since the history of this number was written, and yet is the same bytes:
as it is drawn now -> as it was, None for a struct that was none. The next history empties it."""
NOT_KEPT = {
    "CustomerBase": "what an export holds beside actors, whose form has a number of its own",
    "_Head": "the ids and the expiry of a command that a webhook sends on as it is",
    "_Form": "the number of an export's form",
    "Shut": "a mark that stands while nobody may work, and then is removed",
    "Line": "a line of a run's files, on its way from one of its processes",
    "Told": "what a run and its processes say to each other",
    "_Untaken": "two figures of a run, read by the insight sink",
    "_Summary": "the kinds of records that a run had switched off, read with its records",
    "Native": "an event as a producer sends it",
    "Received": "an action record, read by simulated people",
    "Truth": "who the people of a simulation are, read by a report",
    "CommandRow": "an action record in a file, read by a backtest",
    "DecisionRow": "a decision record in a file, read by a backtest",
    "IdentityRow": "an identity change in a file, read by a backtest",
    "Named": "a customer's identifiers in a file, read by a backtest",
    "Ran": "the summary of a side's run, read by a backtest",
    "TransitionRow": "a transition record in a file, read by a backtest",
    "_Judged": "a decision record in a file, read by a backtest",
    "_Merged": "an identity change in a file, read by a backtest",
    "_DecisionLine": "a decision record, read by the insight sink",
    "_Command": "an action record in a file, read by a report",
    "_Decision": "a decision record in a file, counted by the demo or a report",
    "Planned": "a plan, in its file",
    "Foreseen": "an answer to a plan's question",
    "_Approved": "an approval, in a plan's file",
    "Decided": "a verdict in a file of governance records, printed by a run",
    "_Kind": "of a governance record its kind alone",
    "Order": "an erasure that is not done yet, in a file of an archive",
    "Shelf": "what an operator holds, kept in unit/engine/test_hold.py",
    "Hold": "what an operator holds, kept in unit/engine/test_hold.py",
    "_Named": "of a command the name of its action",
    "_Letter": "a dead letter in a file, counted at the end of a run",
    "_Issued": "an action record in a file, read by the demo's people",
    "_Nothing": "of any JSON nothing but its form",
    "_Refused": "a dead letter's event in a file, read by the insight sink",
    "_Strict": "an event as a producer sends it, with no other fields",
    "_Channeled": "of an event as a producer sends it, the channel",
    "Reading": "a note of a run over files, kept in unit/embedded/test_taking.py",
    "Taken": "a note of a file, kept in unit/embedded/test_taking.py",
    "_Sent": "an action record in a file, counted by the demo",
    "Row": "an event in a file of an archive, which names its form",
    "_Spilled": "of a file that is being sorted, gone when it is",
}
"""What is read and yet no release's to open that comes later, or kept elsewhere."""
NO_STRUCTS = {
    *("Any", "Raw", "bytes", "dict", "int", "list", "msgspec", "program", "str", "tuple", "type_")
}
"""What else stands where msgspec is told a type."""


@pytest.fixture
def history() -> History:
    return kept.read(codec.BEHAVIOUR)


def test_this_release_has_a_history() -> None:
    assert codec.BEHAVIOUR in kept.kept(), WAY_OUT


# --- the number of this release: byte for byte


def test_layouts_are_those_of_the_history(history: History) -> None:
    now = Counter(
        (SAME_BYTES.get(name, name), *(SAME_BYTES.get(part, part) for part in parts))
        for name, parts in without_rooms(drawn(*ALL))
        if SAME_BYTES.get(name, name) is not None
    )
    then = Counter((name, *parts) for name, parts in without_rooms(history.layout))
    differences = [f"now {one}" for one in now - then] + [f"then {one}" for one in then - now]
    assert not differences, (
        "\n".join(["not drawn as in the history:", *differences]) + "\nIf only "
        "names of fields, structs or types differ and the bytes are the same: add rows to "
        f"SAME_BYTES, from what is drawn now to what was drawn then. Otherwise: {WAY_OUT}"
    )


def test_each_row_of_same_bytes_is_needed(history: History) -> None:
    drawings = without_rooms(drawn(*ALL))
    now = {part for _, parts in drawings for part in parts} | {name for name, _ in drawings}
    was = {part for _, parts in without_rooms(history.layout) for part in parts}
    was |= {name for name, _ in without_rooms(history.layout)}
    assert set(SAME_BYTES) <= now - was


def test_bounds_and_sizes_are_those_of_the_history(history: History) -> None:
    assert product() == history.product, WAY_OUT


@pytest.mark.parametrize("number", range(PARTITIONS))
def test_a_log_gives_what_it_gave(history: History, number: int) -> None:
    for difference in told.differences(history, number, -1):
        pytest.fail(f"{difference}. {WAY_OUT}")


@pytest.mark.parametrize("number", range(PARTITIONS))
def test_a_store_goes_on_where_it_was_left(history: History, number: int) -> None:
    for after in history.partitions[number].stores:
        for difference in told.differences(history, number, after):
            pytest.fail(f"from the store at {after}: {difference}. {WAY_OUT}")


def test_intake_goes_on_where_it_was(history: History) -> None:
    for first in range(0, len(history.taken), 37):
        again = map(without_detail, told.taken_again(history, first))
        assert list(again) == [*map(without_detail, history.taken[first:])], WAY_OUT


def without_detail(taken: Taken) -> Taken:
    """Leave out why records were refused, in words: these may be put better."""
    letters = [
        ([header for header in headers if header[0] != "detail"], value)
        for headers, value in taken.letters
    ]
    return msgspec.structs.replace(taken, letters=letters)


def test_dispatch_goes_on_where_it_was(history: History) -> None:
    for number, partition in enumerate(history.partitions):
        whole = list(told.positions_of(partition.steps, number))
        assert [position for position, _ in whole] == partition.positions, WAY_OUT
        for first in range(1, len(whole), 29):
            _, metadata = partition.positions[first - 1]
            rest = list(told.positions_of(partition.steps, number, first, metadata))
            assert rest == whole[first:], WAY_OUT


def test_the_learner_goes_on_where_it_was(history: History) -> None:
    learnt = history.learnt
    numbers = [number for number, _ in learnt.memory]
    assert told.learnt(learnt.rewards, numbers) == learnt, WAY_OUT
    for place, (number, memory) in enumerate(learnt.memory):
        rest = told.learnt(learnt.rewards, numbers[place + 1 :], memory)
        assert rest.memory == learnt.memory[place + 1 :], WAY_OUT
        assert rest.published == [one for one in learnt.published if one[0] > number], WAY_OUT


def test_a_checkpoint_is_restored_and_goes_on(history: History, tmp_path: Path) -> None:
    folder.write_files(history.checkpoint, tmp_path)
    partition = history.partitions[0]
    first = min(partition.stores)
    checkpoints = Checkpoints(str(tmp_path / "checkpoints"), folder.CHECKPOINTS)
    state = StateFolder(tmp_path / "0000", 0, checkpoints)
    with closing(state.open(LogRange(first + 1, len(partition.steps)))) as store:
        assert told.pairs_of(store) == partition.stores[first]
        task = open_task(0, store, history.given)
        *_, (_, pairs) = told.told(task, store, told.records_from(partition, first)[:20])
    again = told.store_of(partition.stores[first])
    task = open_task(0, again, history.given)
    *_, (_, expected) = told.told(task, again, told.records_from(partition, first)[:20])
    assert pairs == expected


def test_a_run_that_was_killed_goes_on(history: History, tmp_path: Path) -> None:
    ended = folder.go_on(history.run.left, tmp_path)
    assert folder.without_details(ended) == folder.without_details(history.run.ended), WAY_OUT


def test_only_the_text_of_a_dead_letter_may_differ(history: History) -> None:
    steps = [step for partition in history.partitions for step in partition.steps]
    frames = [frame for step in steps for frame in step.effects]
    frame = next(frame for frame in frames if b", converted" in frame)
    assert any(effect.kind == "dead_letter" for effect in told.effects_in([frame]))
    other, another = (
        frame.replace(b", converted", b", CONVERTED"),
        frame.replace(b"inval", b"wrong"),
    )
    assert frame not in (other, another)
    assert told.without_details([other]) == told.without_details([frame])
    assert told.without_details([another]) != told.without_details([frame])
    letters = {"letters": b'{"reason":"invalid","detail":"a \\"b\\"","topic":"t"}\n'}
    rest = {"letters": b'{"reason":"invalid","detail":,"topic":"t"}\n'}
    assert folder.without_details(letters) == rest


def test_a_change_of_a_result_is_seen(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trait, "BUCKETS", 23)
    assert any(any(told.differences(history, number, -1)) for number in range(PARTITIONS))


def test_a_change_of_a_layout_is_seen() -> None:
    def struct(*fields: Any) -> Any:
        return msgspec.defstruct("Kept", fields, array_like=True, module="cjo_stream.kept")

    one, other = ("one", list[str], []), ("other", list[str], [])
    layouts = [
        struct(one, other),
        struct(other, one),
        struct(one),
        struct(one, ("two", *other[1:])),
    ]
    assert len({str(drawn(layout)) for layout in layouts}) == len(layouts)


# --- other numbers


@pytest.mark.parametrize("behaviour", OTHERS)
def test_a_store_of_another_number_left_in_the_middle_is_refused(behaviour: int) -> None:
    history = kept.read(behaviour)
    for number, partition in enumerate(history.partitions):
        for pairs in partition.stores.values():
            with pytest.raises(RefusalError, match=LEFT):
                open_task(number, told.store_of(pairs), history.given)


@pytest.mark.parametrize("behaviour", OTHERS)
def test_a_store_of_another_number_left_in_order_goes_on(behaviour: int) -> None:
    history = kept.read(behaviour)
    for number, partition in enumerate(history.partitions):
        store = told.store_of(partition.end)
        task = open_task(number, store, history.given)
        last = partition.steps[-1]
        at = last.time + 86_400_000
        task.process([LogRecord(len(partition.steps), at, last.value)])
        task.commit()
        meta = codec.decode_meta(dict(told.pairs_of(store))[codec.META_KEY])
        assert (meta.behaviour, meta.applied) == (codec.BEHAVIOUR, len(partition.steps))


@pytest.mark.parametrize("behaviour", OTHERS)
def test_a_log_of_another_number_is_read_to_its_end(behaviour: int) -> None:
    history = kept.read(behaviour)
    for number, partition in enumerate(history.partitions):
        task = open_task(number, MemoryStore(), history.given)
        task.process(told.records_from(partition, -1))
        dispatch = Dispatch("effect")
        dispatch.resume(number, None)
        frames = [frame for step in partition.steps for frame in step.effects]
        dispatch.process(number, [LogRecord(n, 0, frame) for n, frame in enumerate(frames)])


# --- topics


@pytest.mark.parametrize("behaviour", kept.kept())
def test_the_compacted_topics_are_read(behaviour: int) -> None:
    history = kept.read(behaviour)
    cursor = {key.encode(): value for key, value in history.topics["cursor"].items()}
    copies = copies_of("cursor", "intake", cursor), copies_of("cursor", "dispatch", cursor)
    assert [len(found) for found in copies] == [2, PARTITIONS]
    ends = {row.lane: row.position[0] for row in history.taken}
    assert {place[1]: one.offset for place, one in copies[0].items()} == ends
    assert {place[1]: one.offset for place, one in copies[1].items()} == {
        number: len(partition.positions) for number, partition in enumerate(history.partitions)
    }
    folders = folders_of("cursor", cursor)
    assert folders == [
        Folder("a", f"{n:04}", n, "host", f"/cjo-data/a/{n:04}", n > 0) for n in range(PARTITIONS)
    ]
    assert all(record_key(one.slot, one.name) in cursor for one in folders)
    ((place, (clock,)),) = clocks_of("cursor", INTERNAL_ID, cursor).items()
    assert (place, clock.offset) == (3, 70)
    for name, records in history.topics.items():
        encode = msgspec.msgpack.encode if name == "model" else msgspec.json.encode
        for key, value in records.items():
            assert encode(read_topic(name, key, value)) == value, (name, key)


# --- that a history has everything


def test_each_field_and_kind_that_is_written_stands_in_the_history(history: History) -> None:
    missing = missing_in(history)
    assert not missing, (
        f"missing in the history, or in it although NEVER says not: {sorted(missing)}. Let the "
        "walk produce it (tests/replay/history/walk.py and its topology), or, if nothing can, "
        f"say so in NEVER (tests/replay/history/missing.py). Then {RAISE}"
    )


def test_a_walk_that_lacks_something_is_not_kept(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--unreleased", "--seed", "1", "--tries", "1", "--events", "20"]
    assert write_history(arguments) == 1
    printed = capsys.readouterr().out
    assert "seed 1: " in printed
    assert "Customer.parted" in printed


def test_what_a_walk_lacks_is_what_its_history_would_lack() -> None:
    walk = Walk(1, 60)
    walk.run()
    run = run_killed()
    assert missing_in_walk(walk, met_in_run(run)) <= missing_in(make(walk, run))


def test_a_history_of_a_released_number_is_not_overwritten(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = kept.CHANGELOG.read_text()
    assert kept.released(text.replace("(unreleased)", "(2026-12-01)")) == {codec.BEHAVIOUR}
    assert f"Behaviour number {codec.BEHAVIOUR}." in text, "CHANGELOG.md names the number"
    assert write_history([]) == 1
    assert "--unreleased" in capsys.readouterr().out
    monkeypatch.setattr(kept, "released", lambda: {codec.BEHAVIOUR})
    assert write_history(["--unreleased"]) == 1
    assert "raise BEHAVIOUR" in capsys.readouterr().out


def test_each_struct_that_is_read_is_one_of_those_that_a_history_must_have() -> None:
    known = {struct.__name__ for struct in structs_of(*ALL)} | set(NOT_KEPT)
    assert set(_read()) - known == NO_STRUCTS


def _read() -> Iterator[str]:
    """Yield the name of each type that the product lets msgspec decode."""
    for path in sorted(Path(cjo_stream.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            named = ast.unparse(node.func)
            given = [word.value for word in node.keywords if word.arg == "type"]
            if named.endswith("Decoder"):
                given += node.args[:1]
            elif not named.endswith("decode"):
                continue
            for type_ in given:
                for part in ast.walk(type_):
                    if isinstance(part, ast.Name):
                        yield part.id
                    elif isinstance(part, ast.Attribute):
                        yield part.attr
