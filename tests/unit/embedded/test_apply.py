"""A definition set applied to a state folder, and a process that is killed while it does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from cjo_stream.core.message import Message
from cjo_stream.definition import DefinitionSet, load
from cjo_stream.definition.content import decode, encode
from cjo_stream.embedded import definition
from cjo_stream.embedded.installation import open_installation
from cjo_stream.embedded.log import DurableLog
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.errors import RefusalError
from cjo_stream.store.rocks import RocksStore

TOPOLOGY = """
topology: small
about: %s
channels: {web: {in: {}}}
identity: {identifiers: [{type: user, limit: 1}]}
---
journey: visit
version: %s
about: journey
entry: {on: visit}
initial: here
states:
  here: {after: {%s: gone}}
  gone: {end: gone}
"""


class KilledError(BaseException):
    """The process dies here."""


def loaded(folder: Path, about: str, version: int = 1, wait: str = "1d") -> DefinitionSet:
    place = folder / about
    place.mkdir(exist_ok=True)
    (place / "all.yaml").write_text(TOPOLOGY % (about, version, wait))
    return load(place)


def governing(folder: Path, about: str) -> str | None:
    with open_installation(
        loaded(folder, about), folder / "out", state=folder / "state", force=True
    ) as one:
        program = one.runtime.tasks[0].program
        assert program is not None
        return program.about


def apply_killed(definitions: DefinitionSet, state: Path, order: int, *, before: bool) -> None:
    """Apply; the process dies at this of the two orders, before it is taken or after."""
    take, taken = Runtime.order, []

    def dying(self: Runtime, items: Mapping[int, tuple[str, Message]]) -> None:
        taken.append(items)
        if len(taken) == order and before:
            raise KilledError
        take(self, items)
        if len(taken) == order:
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runtime, "order", dying)
        with pytest.raises(KilledError):
            definition.apply(definitions, state)


KILLS = pytest.mark.parametrize(
    ("order", "before"), [(1, True), (1, False), (2, True), (2, False)]
)


@pytest.mark.slow
@KILLS
def test_a_set_corrected_after_a_kill_governs(tmp_path: Path, order: int, before: bool) -> None:
    governing(tmp_path, "first")
    apply_killed(loaded(tmp_path, "wrong"), tmp_path / "state", order, before=before)
    assert definition.apply(loaded(tmp_path, "right"), tmp_path / "state").changed
    assert not definition.apply(loaded(tmp_path, "right"), tmp_path / "state").changed
    assert governing(tmp_path, "right") == "right"


@KILLS
def test_the_same_set_applied_after_a_kill_goes_on(
    tmp_path: Path, order: int, before: bool
) -> None:
    governing(tmp_path, "first")
    apply_killed(loaded(tmp_path, "second"), tmp_path / "state", order, before=before)
    assert definition.apply(loaded(tmp_path, "second"), tmp_path / "state").number == 2
    assert governing(tmp_path, "second") == "second"


def test_a_version_that_never_governed_may_be_corrected(tmp_path: Path) -> None:
    governing(tmp_path, "first")
    state = tmp_path / "state"
    apply_killed(loaded(tmp_path, "wrong", version=2, wait="2d"), state, 1, before=False)
    assert definition.apply(loaded(tmp_path, "right", version=2, wait="3d"), state).number == 3


def test_a_set_that_another_release_began_is_applied_again_once_it_is_changed(
    tmp_path: Path,
) -> None:
    governing(tmp_path, "first")
    state = tmp_path / "state"
    right = loaded(tmp_path, "right")
    sources = {"all.yaml": "topology: small\nodd: by this release\n"}
    content = encode(msgspec.structs.replace(decode(right.content), sources=sources))
    log = DurableLog(RocksStore(state / "log"))
    note = {"number": 2, "digest": right.digest, "content": content}
    log.append([], {"set": msgspec.msgpack.encode(note)})
    log.close()
    with pytest.raises(RefusalError, match="Change what `cjo-stream validate` finds"):
        definition.apply(right, state)
    result = tmp_path / "out" / "actions.jsonl"
    result.write_text("of the former run\n")
    with pytest.raises(RefusalError, match="Change what `cjo-stream validate` finds"):
        governing(tmp_path, "right")
    assert result.read_text()
    assert definition.apply(loaded(tmp_path, "changed"), state).number == 3
    assert governing(tmp_path, "changed") == "changed"


def test_a_note_that_names_what_never_governed_does_not_keep_it_from_governing(
    tmp_path: Path,
) -> None:
    governing(tmp_path, "first")
    state = tmp_path / "state"
    apply_killed(loaded(tmp_path, "second"), state, 2, before=False)
    log = DurableLog(RocksStore(state / "log"))
    right = loaded(tmp_path, "right")
    # As a release left it that noted a set when it had been applied.
    note = {"number": 2, "digest": right.digest, "content": right.content}
    log.append([], {"set": msgspec.msgpack.encode(note)})
    log.close()
    assert definition.apply(right, state).number == 3
    assert governing(tmp_path, "right") == "right"
