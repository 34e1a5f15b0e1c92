"""Loan applications of a bank, as rows of its case system: each person is one application.

The activities are those of `topologies/lending`; shares and pauses are chosen so that all of its
journeys run: most applications are declined at once, some get stuck, some offers are never
answered, some files are incomplete, a few are checked for fraud.

Rows of an export have no id, so a repeated row would be two events: faults do not repeat rows.

    submitted ─ preaccepted ─ accepted ─ finalised, offer sent ─ sent back ─ validated ─ activated
        └ declined   └ stuck, cancelled          └ unanswered, cancelled └ incomplete └ declined
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cjo_stream.simulate.record import Simulated, Truth
from cjo_stream.simulate.scene import Scene, Setting, Step
from cjo_stream.simulate.wire import rfc3339
from cjo_stream.simulate.world import World

CHANNEL = "cases"
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
EVENTS_A_CASE = 9.0
"""Mean number of rows of an application (measured); it converts a wanted rate."""
FIRST_CASE = 100_000


def world(setting: Setting) -> World:
    """Return the bank's world; its applicants do not answer commands."""
    return _Bank(setting).world()


def truth(people: int, seed: int) -> Iterator[Truth]:
    """Yield every application; no identifier is shared."""
    for index in range(people):
        case = _case(seed, index)
        yield Truth(f"application-{case}", {"application": [case]}, {})


def _case(seed: int, index: int) -> str:
    return f"{seed}{FIRST_CASE + index}"


class _Bank:
    """The course of applications; each step plans the next."""

    def __init__(self, setting: Setting) -> None:
        faults = msgspec.structs.replace(setting.faults, repeated=0.0)
        self._setting = setting = msgspec.structs.replace(setting, faults=faults)
        self._scene = Scene(setting)
        self._random = self._scene.random

    def world(self) -> World:
        """Plan all applications; return their world."""
        setting = self._setting
        span_ms = setting.duration_ms
        if setting.rate is not None:
            span_ms = int(min(span_ms, setting.people * EVENTS_A_CASE / setting.rate * 1000))
        for index in range(setting.people):
            begins_ms = setting.start_ms + int(self._random() * span_ms)
            self._scene.plan(begins_ms, self.submit, index, self._amount())
        return World(self._scene)

    def submit(self, time_ms: int, index: int, amount: int) -> None:
        """The form is filled in; two in five are declined within hours."""
        self._log(time_ms, index, amount, "A_SUBMITTED")
        self._log(time_ms + 400, index, amount, "A_PARTLYSUBMITTED")
        draw = self._random()
        if draw < 0.4:
            self._next(time_ms, self.decline, index, amount, MINUTE_MS, 20 * HOUR_MS)
        elif draw < 0.97:
            self._next(time_ms, self.preaccept, index, amount, MINUTE_MS, 10 * HOUR_MS)
        # The others have no further event.

    def preaccept(self, time_ms: int, index: int, amount: int) -> None:
        """It is preaccepted; an employee completes it, or the applicant cannot be reached."""
        self._log(time_ms, index, amount, "A_PREACCEPTED")
        self._log(time_ms + 5 * MINUTE_MS, index, amount, "W_Completeren aanvraag")
        draw = self._random()
        if draw < 0.7:
            self._next(time_ms, self.offer, index, amount, HOUR_MS, 4 * DAY_MS)
        elif draw < 0.85:
            self._next(time_ms, self.offer, index, amount, 8 * DAY_MS, 12 * DAY_MS)
        else:
            self._next(time_ms, self.cancel, index, amount, 10 * DAY_MS, 25 * DAY_MS)

    def offer(self, time_ms: int, index: int, amount: int) -> None:
        """Accepted and finalised: an offer goes out, a call follows."""
        self._log(time_ms, index, amount, "A_ACCEPTED")
        for activity in ("O_SELECTED", "A_FINALIZED"):  # booked in the same instant
            self._log(time_ms + 2 * MINUTE_MS, index, amount, activity)
        self._send(time_ms + 3 * MINUTE_MS, index, amount)
        draw = self._random()
        if draw < 0.15:
            self._next(time_ms, self.better, index, amount, DAY_MS, 8 * DAY_MS)
        elif draw < 0.75:
            self._next(time_ms, self.answer, index, amount, 2 * DAY_MS, 14 * DAY_MS)
        elif draw < 0.95:
            self._next(time_ms, self.cancel, index, amount, 12 * DAY_MS, 28 * DAY_MS)

    def better(self, time_ms: int, index: int, amount: int) -> None:
        """The offer is withdrawn for a better one."""
        for activity in ("O_CANCELLED", "O_SELECTED"):
            self._log(time_ms, index, amount, activity)
        self._send(time_ms + MINUTE_MS, index, amount)
        self._next(time_ms, self.answer, index, amount, 2 * DAY_MS, 14 * DAY_MS)

    def answer(self, time_ms: int, index: int, amount: int) -> None:
        """The offer came back; papers may be missing, a few files are checked for fraud."""
        self._log(time_ms, index, amount, "O_SENT_BACK")
        if self._random() < 0.05:
            self._log(time_ms + 30 * MINUTE_MS, index, amount, "W_Beoordelen fraude")
        if self._random() < 0.35:
            self._next(time_ms, self.ask, index, amount, 2 * HOUR_MS, 2 * DAY_MS)
        else:
            self._next(time_ms, self.decide, index, amount, 2 * HOUR_MS, 3 * DAY_MS)

    def ask(self, time_ms: int, index: int, amount: int) -> None:
        """Papers are requested by telephone; not all of them come soon."""
        self._log(time_ms, index, amount, "W_Nabellen incomplete dossiers")
        slow = self._random() < 0.3
        most_ms = 16 * DAY_MS if slow else 2 * DAY_MS
        self._next(time_ms, self.decide, index, amount, HOUR_MS, most_ms)

    def decide(self, time_ms: int, index: int, amount: int) -> None:
        """The file is validated: mostly the loan is paid out, otherwise it is declined."""
        self._log(time_ms, index, amount, "W_Valideren aanvraag")
        if self._random() < 0.75:
            for activity in ("A_REGISTERED", "A_APPROVED", "O_ACCEPTED", "A_ACTIVATED"):
                self._log(time_ms + HOUR_MS, index, amount, activity)
        else:
            self._log(time_ms + HOUR_MS, index, amount, "O_DECLINED")
            self.decline(time_ms + HOUR_MS, index, amount)

    def decline(self, time_ms: int, index: int, amount: int) -> None:
        """Refused."""
        self._log(time_ms, index, amount, "A_DECLINED")

    def cancel(self, time_ms: int, index: int, amount: int) -> None:
        """The application is cancelled."""
        self._log(time_ms, index, amount, "A_CANCELLED")

    def _send(self, time_ms: int, index: int, amount: int) -> None:
        self._log(time_ms, index, amount, "O_CREATED")
        self._log(time_ms + 200, index, amount, "O_SENT")
        self._log(time_ms + 40 * MINUTE_MS, index, amount, "W_Nabellen offertes")

    def _next(
        self, time_ms: int, step: Step, index: int, amount: int, least_ms: int, most_ms: int
    ) -> None:
        due_ms = time_ms + least_ms + int(self._random() * (most_ms - least_ms))
        self._scene.plan(due_ms, step, index, amount)

    def _amount(self) -> int:
        return 1_000 + 500 * int(100 * self._random() * self._random())

    def _log(self, time_ms: int, index: int, amount: int, activity: str) -> None:
        """Send one row; times in an export are right, but rows may come late."""
        if time_ms >= self._setting.end_ms:
            return
        case = _case(self._setting.seed, index)
        row = {
            "case_id": case,
            "activity": activity,
            "timestamp": rfc3339(time_ms).replace("T", " "),
            "amount_req": str(amount),
            "resource": str(10_000 + (index * 7 + len(activity)) % 60),
        }
        arrives_ms = time_ms + 1_000
        self._scene.send(
            Simulated(
                CHANNEL,
                time_ms,
                arrives_ms,
                case.encode(),
                msgspec.json.encode(row),
                f"application-{case}",
            )
        )
