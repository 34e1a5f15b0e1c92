"""The engine over one share of the customers: one task in memory, which is told only its own."""

from __future__ import annotations

import gc
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from multiprocessing.connection import Connection
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple

from cjo_stream.core.catalogue import GOVERNANCE, PREDICTION, REWARD
from cjo_stream.core.message import ActivateSet, StoreSet
from cjo_stream.definition import compile_content
from cjo_stream.embedded.collector import leave
from cjo_stream.embedded.cores import wire
from cjo_stream.embedded.cores.spool import Entry, entries
from cjo_stream.embedded.learning import learns
from cjo_stream.embedded.log import TOPIC_ID
from cjo_stream.embedded.output import Line, line_of, written
from cjo_stream.embedded.rows import Waiting, rows
from cjo_stream.embedded.rows import line_of as row_line
from cjo_stream.engine.cache import ActorMemory
from cjo_stream.engine.frame import control_frame, tick_frame
from cjo_stream.engine.outgoing import Outbox
from cjo_stream.engine.port import Log, LogRecord, RawRecord
from cjo_stream.engine.task import Task
from cjo_stream.engine.window import CommitWindow
from cjo_stream.errors import CjoError, InputError, InvariantError
from cjo_stream.ingest import decoder
from cjo_stream.ingest.noted import Noted
from cjo_stream.store.memory import MemoryStore

STEP_RECORDS: Final = 1_000
ROWS_EACH: Final = 500
SET_NUMBER: Final = 1
_TAUGHT_BY: Final = (REWARD.name, PREDICTION.name)


def serve(connection: Connection) -> None:
    """Answer until the run closes its end, however that comes about."""
    try:
        share = Share(wire.decode_asked(connection.recv_bytes()))
        while True:
            for told in share.answer(wire.decode_asked(connection.recv_bytes())):
                connection.send_bytes(wire.encode(told))
    except (EOFError, ConnectionError):
        return
    except CjoError as error:
        connection.send_bytes(wire.encode(wire.Failed(str(error))))
    finally:
        leave()


class _Record(NamedTuple):
    clock: int
    entry: int
    """Its number; `wire.TIMED` where there is none."""
    frame: bytes


class Share:
    """A task with its store, and the entries that are its own."""

    def __init__(self, begin: wire.Asked) -> None:
        assert isinstance(begin, wire.Begin)
        gc.set_threshold(*begin.looks)
        self._number = begin.share
        self._kinds = written(profiles=begin.profiles)
        if begin.share:
            self._kinds -= {GOVERNANCE.name}  # every share emits them, and one tells them
        self._store = MemoryStore()
        self._task = Task(
            0,
            1,
            Log(TOPIC_ID, 0),
            self._store,
            compile_content,
            memory=ActorMemory(begin.actors_bytes),
            timers_per_record_max=None,
            is_kept=False,
        )
        self._window = CommitWindow(begin.shares)
        self._offset = self._task.applied
        self._entries: Iterator[Entry] = iter(())
        self._next: Entry | None = None
        self._is_learning = False
        self._examples = 0
        self._done = _new_done()
        for message in (StoreSet(SET_NUMBER, begin.content), ActivateSet(SET_NUMBER)):
            self._process([_Record(0, wire.TIMED, control_frame([("", message)]))])
        self._commit()
        program = self._task.program
        assert program is not None
        self._is_learning = learns(program)
        self._decode = decoder(program, begin.tenant_key) if begin.tenant_key else None
        if self._decode is not None:
            # Which names are the first ones only the run knows; a batch has a bound of its own.
            self._decode.identifiers.undeclared_max = sys.maxsize
            self._decode.fields.names_max = sys.maxsize

    def answer(self, asked: wire.Asked) -> Iterator[wire.Told]:
        """Do what is asked; yield what is to be told of it."""
        match asked:
            case wire.Decode():
                yield self._decoded(asked.records)
            case wire.Take():
                self._entries = entries(Path(asked.path), asked.owners, self._number)
                self._next = next(self._entries, None)  # the file is open from now on
                yield wire.Ready()
            case wire.Go():
                yield self._go(asked.end, asked.clock)
            case wire.Learn():
                self._process([_Record(asked.clock, wire.TIMED, one) for one in asked.frames])
                yield self._told()
            case wire.Tally():
                self._commit()
                counts = list(self._task.take_counts().items())
                yield wire.Counted(counts, self._task.events)
            case wire.Show():
                yield from self._rows(asked.clock)
            case wire.Begin():
                raise InvariantError("a share began twice")

    def _decoded(self, records: list[RawRecord]) -> wire.Decoded:
        assert self._decode is not None, "it was told the tenant key"
        told = wire.Decoded([], {}, Noted())
        for number, record in enumerate(records):
            decoded = self._decode(record)
            if isinstance(decoded, InputError):
                told.refused[number] = decoded.reason, decoded.detail, decoded.may_change
                decoded = []
            told.events.append(decoded if isinstance(decoded, list) else [decoded])
        told.noted = self._decode.take_noted()
        return told

    def _go(self, end: int, clock: int | None) -> wire.Done:
        records = []
        while self._next is not None and self._next.number < end:
            one = self._next
            if one.is_event:
                records.append(_Record(one.clock, one.number, one.content))
            else:
                line: Line = wire.decode_line(one.content)
                self._done.cascades.append((one.clock, one.number, "", [line]))
            self._next = next(self._entries, None)
        if clock is not None:
            records.append(_Record(clock, wire.TIMED, tick_frame()))
        self._process(records)
        return self._told()

    def _rows(self, clock: int) -> Iterator[wire.Rows]:
        program = self._task.program
        assert program is not None
        waiting = Waiting()
        found = rows([self._store], program, clock, waiting.add)
        while some := [(row.customer_id, row_line(row)) for row in islice(found, ROWS_EACH)]:
            yield wire.Rows(some)
        yield wire.Rows([], waiting)

    def _process(self, records: Sequence[_Record]) -> None:
        task = self._task
        for start in range(0, len(records), STEP_RECORDS):
            step = records[start : start + STEP_RECORDS]
            first = self._offset + 1
            self._offset += len(step)
            outbox = task.process(
                [LogRecord(first + n, one.clock, one.frame) for n, one in enumerate(step)]
            )
            if outbox.frames:
                raise InvariantError("a share has sent something to another")
            self._note(step, outbox)
            self._window.add_bytes(sum(len(one.frame) for one in step))
            if self._window.is_over(len(step), task):
                self._commit()

    def _commit(self) -> None:
        self._task.commit()
        self._window.begin()

    # --- what is told

    def _note(self, step: Sequence[_Record], outbox: Outbox) -> None:
        """Note the lines of a step, by cascade, and the first examples of its counts."""
        cascades = self._task.cascades
        effects = outbox.emitted
        if self._is_learning:
            self._done.lessons += [(e.kind, e.value) for e in effects if e.kind in _TAUGHT_BY]
        begun = iter(step)
        places: list[wire.Place] = [
            (one.clock, wire.TIMED if one.actor else next(begun).entry, one.actor)
            for one in cascades
        ]
        ends = [*(one.effects for one in cascades), len(effects)]
        for place, (begin, end) in zip(places, pairwise(ends), strict=True):
            lines = [line for one in effects[begin:end] if (line := line_of(one, self._kinds))]
            if lines:
                self._done.cascades.append((*place, lines))
        examples = self._task.examples
        if len(examples) > self._examples:
            befores = list(map(attrgetter("examples"), cascades))
            for number, (count, origin) in enumerate(examples.items()):
                if number >= self._examples:
                    at = max(0, bisect_right(befores, number) - 1)
                    self._done.examples.append((count, origin, places[at]))
            self._examples = len(examples)

    def _told(self) -> wire.Done:
        done, self._done = self._done, _new_done()
        done.next_due = self._task.next_due
        return done


def _new_done() -> wire.Done:
    return wire.Done([], [], None, [])
