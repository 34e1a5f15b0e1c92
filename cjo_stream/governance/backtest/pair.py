"""Two processes, one for each side: started, watched, and stopped whatever happens.

A child ignores Ctrl-C; the parent ends it. A child whose parent was killed ends with its next
report, because nobody reads it any more.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import msgspec

from cjo_stream.definition import DefinitionSet, compile_stored
from cjo_stream.embedded.collector import leave, look_seldom
from cjo_stream.embedded.progress import Progress
from cjo_stream.errors import CjoError, StopError, UsageError
from cjo_stream.governance.backtest.side import Order, Ran, run_side

_FILE: Final = "side.msgpack"


class Task(msgspec.Struct, frozen=True):
    """What one process does. Definitions are stored sets, as the parent has read them."""

    name: str
    content: bytes
    digest: str
    order: Order
    out: Path
    other: bytes | None = None
    """The set whose policy is evaluated with this side's choices."""


class _Failed(msgspec.Struct, frozen=True):
    """Why a side failed; `is_usage`: the command was called wrongly."""

    text: str
    is_usage: bool


def run_pair(
    tasks: Mapping[str, Task], report: Callable[[str, Progress], None] | None = None
) -> dict[str, Ran]:
    """Run the tasks side by side; return what they kept, by name.

    Raises UsageError or StopError, naming the side, where one fails; the other is ended then.
    """
    with contextlib.ExitStack() as stack:
        running: dict[Any, tuple[str, BaseProcess]] = {}
        for name, task in tasks.items():
            connection, process = stack.enter_context(_started(task))
            running[connection] = name, process
        while running:
            for ready in wait(list(running)):
                name, process = running[ready]
                told = _receive(ready, process, name)
                if told is None:
                    del running[ready]
                elif report is not None:
                    report(name, told)
    return {
        name: msgspec.msgpack.decode((task.out / _FILE).read_bytes(), type=Ran)
        for name, task in tasks.items()
    }


@contextlib.contextmanager
def _started(task: Task) -> Iterator[tuple[Connection, BaseProcess]]:
    """Start a process; at the end it is ended, if it has not ended itself."""
    context = multiprocessing.get_context("spawn")
    mine, other = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(task, other), name=task.name, daemon=True)
    with mine:
        _start(process)
        other.close()
        try:
            yield mine, process
        finally:
            process.terminate()
            process.join()
            process.close()


def _receive(connection: Any, process: BaseProcess, name: str) -> Progress | None:
    """Return the progress that a side tells; None where it is done. Raises where it failed."""
    try:
        told = connection.recv()
    except EOFError:
        process.join()
        raise StopError(
            f"the process of the {name} side ended with {_ending(process.exitcode)}, and left no "
            "reason: perhaps the machine has too little memory for two runs; what it printed "
            "above may say more"
        ) from None
    if isinstance(told, _Failed):
        if told.is_usage:
            raise UsageError(f"the {name} side cannot run: {told.text}")
        raise StopError(f"the {name} side failed: {told.text}")
    assert told is None or isinstance(told, Progress)
    return told


def _ending(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _run(task: Task, parent: Connection) -> None:
    """Run a task in the child, and tell the parent how it goes."""
    if task.other is None:
        logging.disable(logging.WARNING)  # the other side reads the same files, and warns
    try:
        definitions = DefinitionSet(compile_stored(task.content), task.content, [], task.digest)
        other = compile_stored(task.other) if task.other is not None else None
        look_seldom()
        ran = run_side(definitions, task.order, task.out, other, parent.send)
        (task.out / _FILE).write_bytes(msgspec.msgpack.encode(ran))
        parent.send(None)
    except CjoError as error:
        parent.send(_Failed(str(error), isinstance(error, UsageError)))
    except BrokenPipeError:
        return  # nobody waits for it any more
    except OSError as error:
        parent.send(_Failed(f"{error}: make room there, then give the command again", False))
    finally:
        leave()


def _start(process: BaseProcess) -> None:
    """Start a child that ignores Ctrl-C from its first moment on, as it inherits that."""
    if threading.current_thread() is not threading.main_thread():
        process.start()
        return
    heeded = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, heeded)
