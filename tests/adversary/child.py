"""Processes that run seeds: one that hangs or dies costs a seed, not the search."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Final, NamedTuple

from tests.adversary.instrument import BY_NAME
from tests.adversary.limit import EndlessError, within

RUN_S: Final = 120
"""Of CPU: what takes longer does not end."""
SILENT_S: Final = 900
"""By the clock: who says nothing for so long hangs, or sits in code that no signal reaches."""
_FORK: Final = multiprocessing.get_context("fork")


class Job(NamedTuple):
    """A seed of an instrument: to be run, or, if it is `broken`, to be cut down."""

    name: str
    seed: int
    broken: bool = False


class Fault(NamedTuple):
    """What is known of a broken promise; `kind` tells faults apart."""

    kind: str
    text: str


class Done(NamedTuple):
    """What came of a job: what it met and the CPU it took; a fault; or the smallest form."""

    cpu_s: float = 0.0
    met: Mapping[str, int] = {}
    fault: Fault | None = None
    smallest: str = ""


class Child:
    """A process that does one job after the other."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self._since_s = 0.0
        self._begin()

    def _begin(self) -> None:
        self.connection, theirs = _FORK.Pipe()
        self._process = _FORK.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, job: Job) -> None:
        """Let it do a job."""
        self.job, self._since_s = job, time.monotonic()
        self.connection.send(job)

    def take(self) -> Done | None:
        """Return what came of its job, None while that is under way."""
        try:
            if self.connection.poll():
                done: Done = self.connection.recv()
            elif time.monotonic() - self._since_s > SILENT_S:
                done = self._replace("hangs", f"silent for {SILENT_S} s")
            else:
                return None
        except (EOFError, ConnectionResetError):
            self._process.join()
            done = self._replace("dies", f"the process ended with {self._process.exitcode}")
        self.job = None
        return done

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.join()
        self.connection.close()

    def _replace(self, kind: str, text: str) -> Done:
        self.end()
        self._begin()
        return Done(fault=Fault(f"the process {kind}", text))


def run_all(give: Callable[[], Job | None]) -> Iterator[tuple[Job, Done]]:
    """Do all jobs that `give` has, as many at once as there are processors; yield what came."""
    children = [Child() for _ in range(os.cpu_count() or 1)]
    try:
        while True:
            for child in children:
                if child.job is None and (job := give()) is not None:
                    child.give(job)
            at_work = [child for child in children if child.job is not None]
            if not at_work:
                return
            wait([child.connection for child in at_work], timeout=1.0)
            for child in at_work:
                job = child.job
                done = child.take()
                if job is not None and done is not None:
                    yield job, done
    finally:
        for child in children:
            child.end()


def _serve(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this
    while True:
        try:
            job: Job = connection.recv()
        except EOFError:
            return
        connection.send(do(job))


def do(job: Job) -> Done:
    """Do a job in this process."""
    logging.disable()  # what fails on purpose is no news; an instrument may have listened
    if job.broken:
        return Done(smallest=BY_NAME[job.name].smallest(job.seed))
    began_s = time.process_time()
    try:
        with within(RUN_S):
            met = BY_NAME[job.name].run(job.seed)
    except (Exception, EndlessError) as error:
        text = "".join(traceback.format_exception(error))
        return Done(fault=Fault(_kind_of(error), text))
    return Done(time.process_time() - began_s, met)


def _kind_of(error: BaseException) -> str:
    """Return what tells faults apart: the type of the error and where it came up."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, EndlessError):
        at = frames[-2]  # where it was, when the signal came
        return f"EndlessError in {Path(at.filename).name}, {at.name}"
    return f"{type(error).__name__} in {Path(frames[-1].filename).name}:{frames[-1].lineno}"
