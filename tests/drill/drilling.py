"""One fault from its beginning to its end: it is told in time, alone, and mended by its page."""

from __future__ import annotations

import re
import shlex
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from cjo_stream.telemetry.monitoring.alert import ALERTS
from cjo_stream.telemetry.monitoring.condition import PIPELINE
from cjo_stream.telemetry.monitoring.rule import seconds
from tests.drill.fault import Fault, Hand, Run
from tests.drill.installation import COMMAND_S, Installation, wait
from tests.drill.looking import look
from tests.drill.runbook import page
from tests.drill.traffic import RATE, ChannelSystems, Mode, Traffic
from tests.drill.watching import WATCHDOG, Notice, Watching

GATHERED_S: Final = 30.0
"""How long Alertmanager waits for what belongs together, before it is divided."""
KEPT_S: Final = 300.0
"""How long Alertmanager goes on with an alert that it hears no more of, at most."""
SILENT_S: Final = 300.0
"""After such a silence whoever hears the watchdog tells somebody."""
REST_WITHIN_S: Final = 300.0
LAG_AT_REST: Final = 300
LATE_AT_REST: Final = 0.1
"""So much of the last hour's commands, divided as all durations, may be late when a fault begins.
Faults are minutes apart here. What one made late is not to be told as the next one's."""
WARM_COMMANDS: Final = 300
"""So many first commands may be late: of processes that have just been started."""
NEVER_S: Final = 60.0
"""After so much more than its stated time an alert is not waited for any more."""
STILL_S: Final = 3.0
"""An alert has ended once it does not fire for so long: some evaluations, of which one may lack a
process that did not answer in time."""
ABOUT: Final = ("process", "stage", "channel")
"""The labels that say what an alert is about."""
BY_NAME: Final = {one.name: one for one in ALERTS}


class Result(NamedTuple):
    """What one fault showed; `misses` says what was not as it should be."""

    fault: str
    alert: str
    told_s: float | None
    stated_s: float
    other_pages: list[str]
    cleared_by: list[str]
    resolved_s: float | None
    misses: list[str]


class Drill:
    """The installation, what watches it, and what happens in it."""

    def __init__(
        self,
        installation: Installation,
        watching: Watching,
        traffic: Traffic,
        systems: ChannelSystems,
        say: Callable[[str], None],
    ) -> None:
        self.installation = installation
        self.watching = watching
        self.traffic = traffic
        self.systems = systems
        self.say = say
        self._goes_on: list[tuple[threading.Thread, threading.Event]] = []
        self._failures: list[str] = []
        self._heard = 0

    @property
    def faster(self) -> float:
        """Return what all durations are divided by."""
        return self.installation.faster

    def go_on(self, what: Callable[[threading.Event], None], name: str = "the cause") -> None:
        """Let a fault go on in a thread, until `stop`; what fails there is of `failures`."""
        stop = threading.Event()

        def go() -> None:
            try:
                what(stop)
            except Exception as error:
                self._failures.append(f"{name} ended: {type(error).__name__}: {error}")

        thread = threading.Thread(target=go, name=name, daemon=True)
        self._goes_on.append((thread, stop))
        thread.start()

    def stop(self, name: str | None = None) -> None:
        """End what goes on, or what of it has this name."""
        ended = [one for one in self._goes_on if name in (None, one[0].name)]
        for thread, stop in ended:
            stop.set()
            thread.join()
        self._goes_on = [one for one in self._goes_on if one not in ended]

    def failures(self) -> list[str]:
        """Return why what was to go on did not, since the last call."""
        failures, self._failures = self._failures, []
        return failures

    def news(self) -> list[Notice]:
        """Return what was told since the last call."""
        told = self.watching.notices[self._heard :]
        self._heard += len(told)
        return told

    def rest(self, alert: str | None = None) -> None:
        """Return when nothing of a fault is left: no page, nor `alert`; raises AssertionError."""
        wait(lambda: not self._unrest(alert), REST_WITHIN_S, lambda: self._unrest(alert), 1.0)

    def warm_up(self) -> None:
        """Return when the installation goes as it does for long, and all is at rest."""
        if self.traffic.mode is Mode.SHOPPING:
            commands = "sum(cjo_event_to_action_seconds_count)"
            wait(
                lambda: self.watching.value(commands) > WARM_COMMANDS,
                REST_WITHIN_S,
                lambda: "hardly any commands come",
                1.0,
            )
        self.rest()
        self.news()

    def run(self, fault: Fault) -> Result:
        """Cause a fault, and see it told, mended and ended.

        Pages since the last one, also while this one is prepared, are other pages.
        """
        page_words = page(fault.alert)
        self.traffic.mode = fault.mode
        if fault.mode is Mode.BROWSING:
            self._wait_for_silence()
        if fault.prepare is not None:
            fault.prepare(self)
        self.rest(fault.alert)
        self.say(f"{fault.name}: begins")
        begins_s = time.monotonic()
        began_s = fault.cause(self) or begins_s
        stated_s = self.stated(fault)
        told_s = self._told(fault, began_s, stated_s)
        self.say(f"{fault.name}: {_after(told_s)} (stated {stated_s:.0f} s)")
        misses = list(self._diagnosed(fault, page_words.diagnosis))
        if told_s is not None and not self._still_fires(fault):
            misses.append("ended by itself")
        mended_s = time.monotonic()
        for step in fault.mend:
            misses += self._mend(step)
        resolved_s = self._resolved(fault, mended_s)
        self.stop()
        self.traffic.rate = RATE
        try:
            fault.proof(self)
        except AssertionError as error:
            misses.append(f"not mended: {error}")
        try:
            self.rest()
        except AssertionError as error:
            misses.append(f"not at rest afterwards: {error}")
        misses += self.failures()
        others = other_pages(fault, self.news(), begins_s)
        if told_s is None:
            misses.append("not told")
        elif told_s > stated_s:
            misses.append("told too late")
        if resolved_s is None:
            misses.append("not resolved")
        if others:
            misses.append(f"other pages: {', '.join(others)}")
        cleared_by = [str(step) for step in fault.mend]
        self.say(f"{fault.name}: {'; '.join(misses) or 'as it should be'}")
        return Result(
            fault.name, fault.alert, told_s, stated_s, others, cleared_by, resolved_s, misses
        )

    def stated(self, fault: Fault) -> float:
        """Return within how many seconds the fault is to be told, at the drill's speed.

        What the alert states is divided, but for what the engine takes at any speed.
        """
        if fault.alert == WATCHDOG:
            return (KEPT_S + SILENT_S) / self.faster
        whole_s = seconds(BY_NAME[fault.alert].within) + GATHERED_S
        return (whole_s - fault.own_s) / self.faster + fault.own_s

    def filled(self, line: str, names: dict[str, str]) -> list[str]:
        """Return a command of a page with the real names in it."""
        here = {
            "TOPOLOGY": str(self.installation.topology),
            "LAYER": str(self.installation.layer),
            "ENDPOINTS.yaml": str(self.installation.endpoints),
            **names,
        }
        return named(line, here)

    # --- its parts

    def _unrest(self, alert: str | None) -> str:
        """Return what is not at rest; nothing if all is."""
        firing = self.watching.firing()
        pages = {one for one in firing if BY_NAME[one].severity == "page" or one == alert}
        if pages:
            return f"{', '.join(sorted(pages))} fires"
        if alert is not None and self.watching.last(alert) == "firing":
            return f"the end of {alert} is not told"
        if not_ready := self.installation.not_ready():
            return f"{', '.join(not_ready)} is not ready"
        lag = self.watching.value(f"sum(cjo:lag_records:sum{{{PIPELINE}}})")
        if lag > LAG_AT_REST:
            return f"{lag:.0f} records wait"
        late = self.watching.value("cjo:commands_late:ratio1h")
        return f"{late:.0%} of the last hour's commands were late" if late > LATE_AT_REST else ""

    def _wait_for_silence(self) -> None:
        """Return when the alerts about late commands have too few of them to say anything."""
        expr = f"sum(increase(cjo_event_to_action_seconds_count[{3600 / self.faster:.0f}s]))"
        wait(lambda: self.watching.value(expr) < 40, REST_WITHIN_S, lambda: "commands go on", 2.0)

    def _told(self, fault: Fault, began_s: float, stated_s: float) -> float | None:
        severity = BY_NAME[fault.alert].severity

        def told() -> float | None:
            if fault.alert == WATCHDOG:
                return self._watchdog_missed(began_s)
            came = (
                one.at_s - began_s
                for one in self.watching.since(began_s)
                if (one.status, one.receiver) == ("firing", severity)
                and fault.is_told_by(one.alert, one.labels)
            )
            return min(came, default=None)

        until_s = began_s + stated_s + NEVER_S
        while time.monotonic() < until_s:
            if (at_s := told()) is not None:
                return at_s
            time.sleep(0.1)
        return None

    def _watchdog_missed(self, began_s: float) -> float | None:
        """Return the time since the beginning, once whoever hears the watchdog misses it."""
        last_s = max((n.at_s for n in self.watching.notices if n.alert == WATCHDOG), default=0.0)
        now_s = time.monotonic()
        return now_s - began_s if now_s - last_s > SILENT_S / self.faster else None

    def _diagnosed(self, fault: Fault, lines: list[str]) -> Iterator[str]:
        """Run what the page says to look at; yield what did not work."""
        for line in lines:
            if said := self._look(fault, line):
                yield f"{line}: {said}"

    def _look(self, fault: Fault, line: str) -> str:
        """Return what is wrong with a command of the page, or nothing."""
        installation, watching = self.installation, self.watching
        is_up = True
        for usual, here, runs in (
            (
                "127.0.0.1:9464",
                f"127.0.0.1:{installation.port_of(fault.process)}",
                installation.runs(fault.process),
            ),
            ("127.0.0.1:9090", watching.address, watching.runs("prometheus")),
            ("127.0.0.1:9093", watching.alertmanager, watching.runs("alertmanager")),
        ):
            if usual in line:
                line, is_up = line.replace(usual, here), runs
        return look(self.filled(line, {}), installation.command, COMMAND_S, is_up=is_up)

    def _mend(self, step: Run | Hand) -> list[str]:
        self.say(f"    {step}")
        if isinstance(step, Hand):
            try:
                step.do(self)
            except AssertionError as error:
                return [f"{step}: {error}"]
            return []
        words = self.filled(step.line, step.names(self))
        if step.process is not None:
            self.installation.start(step.process, words=words[1:])
            self.watching.discover(step.process)
            return []
        done = self.installation.command(*words[1:], *step.more(self))
        if done.returncode != 0:
            return [f"{step.line}: {(done.stdout + done.stderr)[-300:]}"]
        return []

    def _still_fires(self, fault: Fault) -> bool:
        """Return whether the alert fires; one that is only kept for a while does not."""
        if fault.alert == WATCHDOG:
            return True
        until_s = time.monotonic() + STILL_S
        while time.monotonic() < until_s:
            if any(fault.is_told_by(one["alertname"], one) for one in self.watching.shown()):
                return True
            time.sleep(0.2)
        return False

    def _resolved(self, fault: Fault, mended_s: float) -> float | None:
        """Return how long after the beginning of its mending the alert ended for good."""
        if fault.alert == WATCHDOG:
            wait(lambda: self.watching.told(WATCHDOG, "firing", mended_s), 60, lambda: "silent")
            return time.monotonic() - mended_s
        within_s = 60 + longest_s(BY_NAME[fault.alert].expr) / self.faster + fault.own_s
        until_s = time.monotonic() + within_s
        ended_s = None
        while (now_s := time.monotonic()) < until_s:
            if fault.alert in self.watching.firing():
                ended_s = None
            elif ended_s is None:
                ended_s = now_s
            elif now_s - ended_s >= STILL_S:
                return ended_s - mended_s
            time.sleep(0.2)
        return None


def other_pages(fault: Fault, notices: Iterable[Notice], begins_s: float) -> list[str]:
    """Return the pages that are not the fault's, with what they are about.

    None is before it begins, by the monotonic clock.
    """
    return sorted(
        {
            _about(one)
            for one in notices
            if is_page(one)
            and (one.at_s < begins_s or not fault.is_told_by(one.alert, one.labels))
        }
    )


def is_page(notice: Notice) -> bool:
    """Return whether a notice wakes a person."""
    return (notice.receiver, notice.status) == ("page", "firing")


def _about(notice: Notice) -> str:
    about = [notice.labels[label] for label in ABOUT if label in notice.labels]
    return f"{notice.alert} ({' '.join(about)})" if about else notice.alert


def named(line: str, names: dict[str, str]) -> list[str]:
    """Return the words of a command, those that stand for others exchanged."""
    return [names.get(word, word) for word in shlex.split(line)]


def longest_s(expr: str) -> float:
    """Return the longest window of an expression, and of the records that it names, seconds."""
    found = re.findall(r"\[(\d+[smhd])\]|ratio(\d+[mhd])", expr)
    return max((seconds(a or b) for a, b in found), default=0)


def _after(told_s: float | None) -> str:
    return "not told" if told_s is None else f"told after {told_s:.1f} s"
