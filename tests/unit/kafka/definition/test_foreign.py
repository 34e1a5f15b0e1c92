"""A record that somebody else wrote stops who reads it, until its key is taken out.

The topics are compacted, but nobody waits for that: what governs a key is its latest record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, Never, cast

import msgspec
import pytest

from cjo_stream.core.learning.posterior import Posterior
from cjo_stream.errors import CjoError, RefusalError, RetryError
from cjo_stream.ingest.tenant import fingerprint
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.contents import apply_record, warn_foreign
from cjo_stream.kafka.definition import apply
from cjo_stream.kafka.definition.apply import SETS_KEPT, check_answers, outdated
from cjo_stream.kafka.definition.log import DefinitionLog, Fingerprint, Pointer, Published
from cjo_stream.kafka.definition.tenant import fixes_key
from cjo_stream.kafka.position.clock import clocks_of
from cjo_stream.kafka.position.folder import Folder, folders_of
from cjo_stream.kafka.position.position import Position, copies_of
from cjo_stream.kafka.stage.memory import Standing, remembered
from cjo_stream.settings import Settings


class Record:
    """A message as the broker's client gives it."""

    def __init__(self, key: bytes, value: bytes | None) -> None:
        self._key, self._value = key, value

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def topic(self) -> str:
        return "t.reward.v1"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 7


def table(*records: tuple[bytes, bytes | None]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for record in records:
        message: Any = Record(*record)
        apply_record(found, message)
    return found


FOLDER = msgspec.json.encode(Folder("a", "0001", 1, "host", "/a/0001", True))
POSITION = msgspec.json.encode(Position(7, "m"))
STANDING = msgspec.msgpack.encode(Standing("id", 7, 5))
POSTERIOR = msgspec.msgpack.encode(Posterior())

Read = Callable[[Mapping[bytes, bytes]], object]


@pytest.mark.parametrize(
    ("read", "ours", "theirs"),
    [
        (lambda t: copies_of("c", "intake", t), (b"intake/web/3", POSITION), b"intake/web/x"),
        (lambda t: copies_of("c", "intake", t), (b"intake/web/3", POSITION), b"intake/web/4"),
        (lambda t: folders_of("c", t), (b"folder/a/0001", FOLDER), b"folder/what/ever"),
        (lambda t: clocks_of("c", "id", t), (b"clock/id/3/70", b"99"), b"clock/id/3"),
        (lambda t: clocks_of("c", "id", t), (b"clock/id/3/70", b"99"), b"clock/id/3/71"),
        (lambda t: remembered("m", t), (b"learner", STANDING), b"somebody"),
    ],
)
def test_a_record_that_is_none_is_refused_until_a_null_value_stands_under_its_key(
    read: Read, ours: tuple[bytes, bytes], theirs: bytes
) -> None:
    good = read(table(ours))
    assert good
    wrong = (theirs, b'{"none": "of ours"}')
    with pytest.raises(RefusalError, match="write a null value under that key") as refused:
        read(table(ours, wrong))
    assert theirs.decode() in str(refused.value)
    assert read(table(ours, wrong, (theirs, None))) == good


def test_other_stages_keys_are_passed_over() -> None:
    records = table((b"dispatch/effect/3", b"x"), (b"\xff\xfe", b"x"), (b"intake/a/1", None))
    assert copies_of("c", "intake", records) == {}


def test_a_learner_whose_memory_was_written_over_begins_anew() -> None:
    written_over = table((b"learner", STANDING), (b"treatment/card", b"what?"))
    with pytest.raises(RefusalError, match="delete m, run `cjo-stream topics create`"):
        remembered("m", written_over)
    whole = table((b"learner", STANDING), (b"treatment/card", POSTERIOR))
    model, standing = remembered("m", whole)
    assert (list(model.treatments), model.rewards, standing is None) == (["card"], 5, False)
    # Deleted and made anew, the topic is empty.
    model, standing = remembered("m", table())
    assert (model.treatments, standing) == ({}, None)


def test_where_nothing_can_take_a_record_out_it_is_told_and_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    message: Any = Record(b"", b"")
    warn_foreign(logging.getLogger("cjo_stream.test"), message, ValueError("no reward"))
    assert "t.reward.v1/0 holds at offset 7 what is no record of ours (no reward)" in caplog.text


# --- the definition topic


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[DefinitionLog]:
    monkeypatch.setenv("CJO_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    with closing(DefinitionLog(Settings())) as log:
        yield log


def set_(number: int) -> bytes:
    return msgspec.json.encode(Published(number, "digest", b"content"))


POINTER = msgspec.json.encode(Pointer(2, "digest"))


@pytest.mark.parametrize("key", ["shop/x", "else", "else/2"])
def test_a_definition_that_apply_did_not_write_is_refused_until_a_null_value_stands_there(
    log: DefinitionLog, key: str
) -> None:
    for written, value in (("shop/1", set_(1)), ("shop/2", set_(2)), ("shop", POINTER)):
        log.take(written, value)
    log.take(key, b"no JSON")
    with pytest.raises(RefusalError, match="write a null value under that key"):
        log.poll()
    log.take(key, None)
    log.poll()
    assert log.topology == "shop"
    assert sorted(log.sets) == [1, 2]


def test_a_set_that_was_written_over_is_refused_until_its_record_is_back(
    log: DefinitionLog,
) -> None:
    log.take("shop/1", set_(1))
    log.take("shop/1", b"no JSON")
    with pytest.raises(RefusalError, match="write the set's record back from a copy"):
        log.poll()
    log.take("shop/1", set_(1))
    log.poll()
    log.take("shop/2", b"there was no such set")
    log.take("shop/2", None)
    log.poll()
    assert sorted(log.sets) == [1]


@pytest.mark.parametrize("gone", [None, b"no JSON"])
def test_a_pointer_that_is_gone_is_refused_until_it_is_back_by_who_goes_by_it(
    log: DefinitionLog, gone: bytes | None
) -> None:
    with closing(DefinitionLog(Settings(), pointed=False)) as by_apply:
        for each in (log, by_apply):
            for written, value in (("shop/2", set_(2)), ("shop", POINTER), ("shop", gone)):
                each.take(written, value)
            # As who reads it after the compaction: no set is pointed at.
            assert each.pointer == Pointer(0, "")
        with pytest.raises(RefusalError, match="`cjo-stream apply` the topology in force"):
            log.poll()
        by_apply.poll()
    log.take("shop", POINTER)
    log.poll()
    assert log.pointer.number == 2


@pytest.mark.parametrize("gone", [None, b"no JSON", b""])
def test_a_fingerprint_that_is_gone_is_refused_until_it_is_back(
    log: DefinitionLog, gone: bytes | None
) -> None:
    ours = msgspec.json.encode(Fingerprint("0123456789abcdef"))
    for written, value in (("/tenant_key", ours), ("shop/1", set_(1)), ("/tenant_key", gone)):
        log.take(written, value)
    with pytest.raises(RefusalError, match="Write the record back from a copy"):
        log.poll()
    assert log.fingerprint is None
    log.take("/tenant_key", ours)
    log.poll()
    assert log.fingerprint == "0123456789abcdef"


def test_only_the_latest_fingerprint_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CJO_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    key = "a-key-only-the-tests-have-0123456789"
    ours = msgspec.json.encode(Fingerprint(fingerprint(key.encode())))
    with closing(DefinitionLog(Settings(tenant_key=key))) as log:
        log.take("/tenant_key", ours)
        log.poll()
        log.take("/tenant_key", msgspec.json.encode(Fingerprint("0123456789abcdef")))
        with pytest.raises(RefusalError, match="CJO_TENANT_KEY is not the key"):
            log.poll()
        log.take("/tenant_key", ours)
        log.poll()


def test_an_apply_fixes_a_key_where_there_are_no_sets_or_an_operator_says_so(
    log: DefinitionLog,
) -> None:
    assert fixes_key(log, "d", keep_key=False)
    log.take("shop/1", set_(1))
    with pytest.raises(RefusalError, match="`cjo-stream apply --keep-key`"):
        fixes_key(log, "d", keep_key=False)
    assert fixes_key(log, "d", keep_key=True)
    log.take("/tenant_key", None)
    log.check_foreign(keep_key=True)
    assert fixes_key(log, "d", keep_key=True)
    log.take("/tenant_key", msgspec.json.encode(Fingerprint("0123456789abcdef")))
    assert not fixes_key(log, "d", keep_key=True)
    assert not fixes_key(log, "d", keep_key=False)


def test_a_set_that_is_gone_is_needed_until_its_record_is_written_back(log: DefinitionLog) -> None:
    log.take("shop/2", set_(2))
    with pytest.raises(RefusalError, match="Write them back from a copy of the topic"):
        log.check_libraries(1)
    log.take("shop/1", set_(1))
    with pytest.raises(RefusalError, match="cannot be read"):  # it is found: that is no content
        log.check_libraries(1)


def test_no_set_goes_that_is_still_needed() -> None:
    numbers = range(1, SETS_KEPT + 5)
    assert outdated(numbers, []) == [1, 2, 3, 4, 5]
    assert outdated(numbers, [3, 9]) == [1, 2]
    assert outdated(numbers, [1]) == []
    assert outdated([1, 2], []) == []


def test_no_apply_says_that_a_set_governs_where_a_later_one_does() -> None:
    check_answers(3, [{"stored": 3}, {"active": 3, "error": None}], "d")
    with pytest.raises(RefusalError, match="does not compile"):
        check_answers(3, [{"active": 2, "error": "set 3 does not compile here"}], "d")
    # The topic was created anew, so this one begins with 1 again.
    with pytest.raises(RefusalError, match=r"run by definition set 7 already.*records back"):
        check_answers(1, [{"active": 7, "error": None}, {"active": 0}], "d")
    check_answers(8, [{"active": 8, "error": None}], "d")  # its records are back


def raising(error: CjoError) -> Callable[..., Never]:
    """Return what raises this error, whatever it is asked."""

    def ask(*_: Any) -> Never:
        raise error

    return ask


@pytest.mark.parametrize("error", [RetryError("no coordinator"), RefusalError("no right")])
def test_no_set_is_deleted_while_nobody_can_tell_which_ones_intake_needs(
    monkeypatch: pytest.MonkeyPatch, error: CjoError
) -> None:
    sets, said = range(1, SETS_KEPT + 5), list[str]()
    asked = apply._Request(cast(Any, None), said.append, lambda _: None, 1.0, False, False)
    settings, admin = Settings(), cast(Admin, None)
    monkeypatch.setattr(apply, "read_shelves", lambda *_: {})
    monkeypatch.setattr(apply, "set_numbers", lambda *_: {"t/0": 3})
    assert apply._spare(settings, asked, admin, sets) == [1, 2]
    assert said == []
    monkeypatch.setattr(apply, "set_numbers", raising(error))
    assert apply._spare(settings, asked, admin, sets) == []
    assert said == [f"former sets are kept, for nobody can tell which ones are needed: {error}"]


def test_a_status_tells_an_intake_that_nobody_can_ask_from_one_that_never_ran(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings, admin = Settings(), cast(Admin, None)
    monkeypatch.setattr(apply, "set_numbers", lambda *_: {})
    assert apply._routing(settings, admin) == {}
    monkeypatch.setattr(apply, "set_numbers", raising(RetryError("no coordinator")))
    assert apply._routing(settings, admin) is None


@pytest.mark.parametrize("error", [RetryError("no coordinator"), RefusalError("no right")])
def test_an_apply_says_so_where_nobody_can_tell_whether_intake_has_switched(
    monkeypatch: pytest.MonkeyPatch, error: CjoError
) -> None:
    said: list[str] = []
    asked = apply._Request(cast(Any, None), said.append, lambda _: None, 1.0, False, False)
    settings, admin = Settings(), cast(Admin, None)
    monkeypatch.setattr(apply, "set_numbers", lambda *_: {"t/0": 3})
    assert apply._behind(settings, asked, admin, 3) == ()
    assert said == []
    monkeypatch.setattr(apply, "set_numbers", raising(error))
    assert apply._behind(settings, asked, admin, 4) is None
    assert said == [f"set 4: nobody can tell whether intake uses it yet: {error}"]
