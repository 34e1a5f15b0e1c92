"""What effects must keep whatever a topology says: an oracle beside the reference.

It reads the definitions as written, the records out, and for consent the events in. It asks
nothing of the core, so that a rule which the core itself has wrong is seen too. Where only the
customer's own past decides (caps, consent), whoever was merged or parted is left out; where the
time zone does, topologies with a fact `timezone`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cjo_stream.core.duration import parse_duration
from cjo_stream.core.event import Event
from tests.differential.topology import ENGINE, Document

GATES = (
    "holdout", "eligible", "applicable", "suitable", "address", "consent", "service_gate",
    "limits", "caps", "quiet_hours", "priority",
)  # fmt: skip
"""In the order of docs/decisions.md, not taken from the code; a test compares the two."""
ENDED = "ended"
"""In the place of a gate: the request was dropped while it waited, and nothing was judged."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LIVE_MAX = 25
OVER = {"ended", "exited", "merged"}
Told = tuple[str, dict[str, Any]]


class Case:
    """A world as the oracle sees it: documents by kind and name, records by customer, in order."""

    def __init__(
        self,
        documents: Sequence[Document],
        events: Sequence[Event],
        effects: Sequence[tuple[Any, ...]],
        end_ms: int,
        is_overrun: bool,
    ) -> None:
        named: dict[str, dict[str, Document]] = defaultdict(dict)
        for document in documents:
            kind = next(iter(document))
            named[kind][document[kind]] = document
        self.topology = next(iter(named["topology"].values()))
        self.policy: Document = next(iter(named["policy"].values()), {})
        self.actions, self.journeys = named["action"], named["journey"]
        self.measures = named["measure"]
        self.documents, self.events, self.effects = documents, events, effects
        self.end_ms = end_ms
        self.is_overrun = is_overrun
        self.by_customer: dict[str, list[Told]] = defaultdict(list)
        for kind, key, _, value, _ in effects:
            if key and value:
                self.by_customer[key].append((kind, json.loads(value)))
        self.transitions = [json.loads(e[3]) for e in effects if e[0] == "transition"]
        changed = [
            record
            for told in self.by_customer.values()
            for kind, record in told
            if kind == "identity" and record["kind"] in ("merged", "detached", "unmerged")
        ]
        self.not_alone = {record["customer_id"] for record in changed}
        self.not_alone.update(one for record in changed for one in record["absorbed"])
        facts = self.topology.get("profile", {}).get("facts", {})
        self.zone = None if "timezone" in facts else ZoneInfo(self.topology.get("timezone", "UTC"))

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return the records of a kind, by customer, in order."""
        return [one for told in self.by_customer.values() for k, one in told if k == kind]


def check(case: Case) -> Counter[str]:
    """Return how often each promise was looked at; raises AssertionError where one is broken."""
    looked: Counter[str] = Counter()
    for promise in PROMISES:
        looked[promise.__name__] += promise(case)
    return looked


# --- commands and decisions


def one_command_for_one_choice(case: Case) -> int:
    """A choice that is not held back is one command, and no command is without one."""
    commands = case.all("action")
    ids = Counter(command["action_id"] for command in commands)
    assert not ids or max(ids.values()) == 1, f"twice the same command: {ids.most_common(1)}"
    decisions = {one["decision_id"]: one for one in case.all("decision")}
    sent = {
        one["decision_id"]: one["chosen"]
        for one in decisions.values()
        if one["chosen"] is not None and one["suppressed"] is None
    }
    found = {c["decision_id"]: {"action": c["action"], "channel": c["channel"]} for c in commands}
    assert len(found) == len(commands), "two commands of one decision"
    assert found == sent, f"commands are not the choices: {_differing(found, sent)}"
    for one in decisions.values():
        is_waiting = one["deferred_until"] is not None
        assert not (is_waiting and one["chosen"]), f"waits and sends: {one['decision_id']}"
        if is_waiting:
            assert one["deferred_until"] > one["time"], f"waits for the past: {one}"
    return len(decisions)


def commands_are_as_written(case: Case) -> int:
    """A command is as its action's document says, and goes to an address of its channel's type."""
    for command in case.all("action"):
        action = case.actions[command["action"]]
        treatment = action["treatments"][command["channel"]]
        lasts = parse_duration(action.get("expires", "7d"))
        wanted = (
            action.get("issue"), action.get("group"), action.get("class", "marketing"),
            treatment.get("template"), command["issued_at"] + lasts,
            case.topology["channels"][command["channel"]]["out"]["address"],
        )  # fmt: skip
        found = (
            command["issue"], command["group"], command["class"], command["template"],
            command["expires_at"], command["address"]["type"],
        )  # fmt: skip
        assert found == wanted, f"{command['action_id']}: {found}, not {wanted}"
    return len(case.all("action"))


def the_best_that_passes_is_chosen(case: Case) -> int:
    """`act` takes the first channel that passes, `decide` the highest priority."""
    looked = 0
    explores = case.policy.get("explore") is not None
    for one in case.all("decision"):
        free = [c for c in one["candidates"] if c["gate"] is None]
        chosen = one["chosen"]
        if chosen is None:
            assert not free or one["deferred_until"] is not None, f"nobody was chosen: {one}"
            continue
        looked += 1
        names = [(c["action"], c["channel"]) for c in free]
        assert (chosen["action"], chosen["channel"]) in names, f"a gate stops the choice: {one}"
        if "act" in one["request"] or "action" in one["request"]:
            assert (chosen["action"], chosen["channel"]) == names[0], f"not the first: {one}"
        elif not explores:
            best = min(free, key=lambda c: (-c["priority"], -c["V"], c["action"], c["channel"]))
            assert chosen == {"action": best["action"], "channel": best["channel"]}, one
        for c in free:
            if None not in (c["P"], c["C"], c["V"], c["L"], c["priority"]):
                product = c["P"] * c["C"] * c["V"] * c["L"]
                assert abs(product - c["priority"]) <= 1e-5 * max(1.0, abs(product)), f"{c}"
    return looked


def caps_stop_at_their_maximum_and_not_before(case: Case) -> int:
    """A candidate is stopped by a cap exactly where the commands counted reach its `max`."""
    caps = case.policy.get("caps", [])
    caps = caps if isinstance(caps, list) else [caps]
    looked = 0
    for customer, told in case.by_customer.items():
        if customer in case.not_alone or not caps:
            continue
        sent: list[dict[str, Any]] = []
        for kind, record in told:
            if kind == "action":
                sent.append(record)
            elif kind == "decision":
                for c in record["candidates"]:
                    if not _reaches(c, "caps"):
                        continue
                    full = [_is_full(case, cap, c, sent, record["time"]) for cap in caps]
                    if None in full:
                        continue
                    looked += 1
                    where = f"{record['decision_id']} at {record['time']}: {c}"
                    assert (c["gate"] == "caps") == any(full), f"caps {full}: {where}"
    return looked


def quiet_hours_are_kept(case: Case) -> int:
    """Nothing but what is transactional is sent in them, and they stop nothing outside."""
    windows = case.policy.get("quiet_hours", [])
    windows = windows if isinstance(windows, list) else [windows]
    if case.zone is None or not windows:
        return 0
    looked = 0
    for record in case.all("decision"):
        for c in record["candidates"]:
            is_free = case.actions[c["action"]].get("class") == "transactional"
            if not _reaches(c, "quiet_hours"):
                continue
            quiet = not is_free and any(
                _covers(window, "channel", c["channel"])
                and _lies_in(window, record["time"], case.zone)
                for window in windows
            )
            looked += 1
            where = f"{record['decision_id']} at {record['time']}: {c}"
            assert (c["gate"] == "quiet_hours") == quiet, f"quiet hours {quiet}: {where}"
    return looked


def consent_decides(case: Case) -> int:
    """The latest statement that covers purpose and channel decides, as the policy reads it."""
    ways: dict[str, str] = case.policy.get("consent", {})
    looked = 0
    for customer, told in case.by_customer.items():
        if customer in case.not_alone:
            continue
        statements = _statements(case, told)
        if statements is None:
            continue
        for kind, record in told:
            for c in record["candidates"] if kind == "decision" else ():
                class_ = case.actions[c["action"]].get("class", "marketing")
                if not _reaches(c, "consent") or any(s[0] == record["time"] for s in statements):
                    continue
                way = ways.get(class_) if class_ != "transactional" else None
                known = [
                    (time, _STRICT[status], status)
                    for at, time, purpose, channel, status in statements
                    if at < record["time"] and purpose == class_ and channel in ("*", c["channel"])
                ]
                latest = max(known)[2] if known else None
                stops = way is not None and (
                    latest in ("denied", "revoked") or (way == "opt_in" and latest != "granted")
                )
                looked += 1
                where = f"{record['decision_id']} at {record['time']}: {c}"
                assert (c["gate"] == "consent") == stops, f"consent {latest} ({way}): {where}"
    return looked


_STRICT = {"granted": 0, "denied": 1, "revoked": 1}


def who_is_held_out_gets_nothing(case: Case) -> int:
    """Of a held-out instance only what is transactional is sent, from the moment it is held out:
    a merge with somebody who is may hold an instance out."""
    looked = 0
    for told in case.by_customer.values():
        held: set[str] = set()
        for kind, one in told:
            if kind == "transition" and one["holdout"]:
                held.add(one["instance_id"])
            if kind == "action" and one["journey"] and one["journey"]["instance_id"] in held:
                looked += 1
                assert one["class"] == "transactional", f"held out, and sent: {one}"
    return looked


# --- journeys


def transitions_follow_each_other(case: Case) -> int:
    """An instance is entered once, goes on from where it is, and ends once; a goal is once."""
    looked = 0
    for instance, told in _instances(case).items():
        state: str | None = None
        time, goals, is_over = 0, 0, False
        for number, one in enumerate(told):
            looked += 1
            where = f"{instance}, number {number}: {one}"
            assert (one["reason"] == "entered") == (number == 0), where
            if one["reason"] == "goal":
                goals += 1
                assert one["from"] == one["to"] == (None if is_over else state), where
                continue
            assert not is_over, f"it was over: {where}"
            assert one["from"] == state, f"it was in {state}: {where}"
            assert one["time"] >= time or one["reason"] == "merged", f"before {time}: {where}"
            state, time = one["to"], one["time"]
            is_over = one["reason"] in OVER
            states = case.journeys[one["journey"]]["states"]
            if one["reason"] == "ended":
                assert states[state]["end"] == one["outcome"], where
        assert goals <= 1, f"{instance}: {goals} goals"
    return looked


def timers_fire_at_their_time(case: Case) -> int:
    """A state with an `after` that has no `when` is left by then, and by time at no other time."""
    looked = 0
    if case.is_overrun:
        return 0
    for instance, told in _instances(case).items():
        moves = [one for one in told if one["reason"] != "goal"]
        for one, following in zip(moves, [*moves[1:], None], strict=True):
            if one["reason"] in OVER or one["to"] is None:
                continue
            state = case.journeys[one["journey"]]["states"][one["to"]]
            after = {parse_duration(text): rule for text, rule in state.get("after", {}).items()}
            sure = [
                lasts
                for lasts, rule in after.items()
                if isinstance(rule, str)
                or ("when" not in rule and ("to" in rule or "split" in rule))
            ]
            left = case.end_ms + 1 if following is None else following["time"]
            is_merged = following is not None and following["reason"] == "merged"
            is_raised = following is not None and following["trigger"]["kind"] == "raised"
            if (
                sure and not is_merged and not is_raised
            ):  # what was raised comes before what is due
                looked += 1
                due = one["time"] + min(sure)
                assert left <= due or (following is None and case.end_ms < due), (
                    f"{instance} is to leave {one['to']} at {due}, and left at {left}"
                )
            is_by_time = following is not None and following["trigger"]["kind"] == "timer"
            if is_by_time and following is not None and not is_merged and "at" not in state:
                dues = {one["time"] + lasts for lasts in after}
                dues |= {one["time"]} if "always" in state else set()
                is_ended = following["reason"] == "exited"
                looked += 1
                assert following["time"] in dues or is_ended, (
                    f"{instance} left {one['to']} by a timer at {left}, not one of {sorted(dues)}"
                )
    return looked


def who_is_in_does_not_enter_again(case: Case) -> int:
    """`reentry` holds, where it is about who is in or was in; and never too many are live."""
    looked = 0
    for customer, told in case.by_customer.items():
        if customer in case.not_alone:
            continue
        live: Counter[tuple[str, str]] = Counter()
        entered: Counter[tuple[str, str]] = Counter()
        for kind, one in told:
            if kind != "transition" or one["reason"] not in ("entered", *OVER):
                continue
            place = (one["journey"], json.dumps(one["key"]))
            if one["reason"] in OVER:
                live[place] -= 1
                continue
            looked += 1
            rule = case.journeys[one["journey"]]["entry"].get("reentry", "after_end")
            assert rule == "always" or not live[place], f"{customer} is in {place} already: {one}"
            assert rule != "never" or not entered[place], f"{customer} was in {place}: {one}"
            live[place] += 1
            entered[place] += 1
            of_journey = sum(n for (name, _), n in live.items() if name == one["journey"])
            assert of_journey <= LIVE_MAX, f"{customer}: {of_journey} live of {one['journey']}"
    return looked


def measures_are_as_written(case: Case) -> int:
    """A record is of a type that its measure hears, and of an instance where it then was."""
    looked = 0
    for customer, told in case.by_customer.items():
        states: dict[str, str | None] = {}
        for kind, one in told:
            if kind == "transition" and one["reason"] not in ("goal", "refused"):
                states[one["instance_id"]] = one["to"] if one["reason"] not in OVER else None
            elif kind == "measure":
                _check_measure(case, one, states, is_alone=customer not in case.not_alone)
                looked += 1
    return looked


def _check_measure(
    case: Case, one: dict[str, Any], states: dict[str, str | None], *, is_alone: bool
) -> None:
    rule = case.measures[one["measure"]]
    type_, per = one["trigger"]["type"], rule.get("per", "customer")
    on = rule["on"]
    assert type_ in (on if isinstance(on, list) else [on]), f"it does not hear {type_}: {one}"
    assert "value" in rule or one["value"] == 1.0, one
    assert (one["instance_id"] is None) == (per == "customer"), one
    assert (one["journey"] is None) == (per == "customer"), one
    assert per == "state" or one["state"] is None, one
    if per != "customer" and is_alone and type_ not in ENGINE:
        found = states.get(one["instance_id"])
        assert found is not None, f"the instance does not live: {one}"
        assert per == "journey" or found == one["state"], f"it is in {found}: {one}"


PROMISES = (
    one_command_for_one_choice,
    commands_are_as_written,
    the_best_that_passes_is_chosen,
    caps_stop_at_their_maximum_and_not_before,
    quiet_hours_are_kept,
    consent_decides,
    who_is_held_out_gets_nothing,
    transitions_follow_each_other,
    timers_fire_at_their_time,
    who_is_in_does_not_enter_again,
    measures_are_as_written,
)


# --- readings of what is written


def _reaches(candidate: dict[str, Any], gate: str) -> bool:
    """Return whether a candidate was judged by a gate: nothing before it stopped it."""
    found = candidate["gate"]
    if found == ENDED:
        return False
    assert found is None or found in GATES, f"GATES of tests/differential/promise.py lacks {found}"
    return found is None or GATES.index(found) >= GATES.index(gate)


def _covers(rule: Document, key: str, value: str | None) -> bool:
    named = rule.get(key)
    return named is None or value in (named if isinstance(named, list) else [named])


def _matches(case: Case, cap: Document, action: str, channel: str) -> bool:
    written = case.actions[action]
    class_ = written.get("class", "marketing")
    if class_ == "transactional" and ("class" not in cap or not _covers(cap, "class", class_)):
        return False
    return (
        _covers(cap, "class", class_)
        and _covers(cap, "channel", channel)
        and _covers(cap, "issue", written.get("issue"))
        and _covers(cap, "group", written.get("group"))
        and _covers(cap, "action", action)
    )


def _is_full(
    case: Case, cap: Document, candidate: dict[str, Any], sent: Sequence[dict[str, Any]], now: int
) -> bool | None:
    """Return whether a cap stops a candidate; None where the time zone is not known here."""
    if not _matches(case, cap, candidate["action"], candidate["channel"]):
        return False
    counted = [c["issued_at"] for c in sent if _matches(case, cap, c["action"], c["channel"])]
    if cap["per"] not in ("day", "week", "month"):
        begins = now - parse_duration(cap["per"])
        return bool(sum(at > begins for at in counted) >= cap["max"])
    if case.zone is None:
        return None if cap["max"] else True
    of_now = _period(now, cap["per"], case)
    return bool(sum(_period(at, cap["per"], case) == of_now for at in counted) >= cap["max"])


def _period(ms: int, per: str, case: Case) -> tuple[int, ...]:
    day = datetime.fromtimestamp(ms // 1000, UTC).astimezone(case.zone).date()
    if per == "day":
        return (day.year, day.month, day.day)
    if per == "month":
        return (day.year, day.month)
    starts = DAYS.index(case.policy.get("week_starts", "mon"))
    return ((day - timedelta(days=(day.weekday() - starts) % 7)).toordinal(),)


def _lies_in(window: Document, ms: int, zone: ZoneInfo) -> bool:
    local = datetime.fromtimestamp(ms // 1000, UTC).astimezone(zone)
    days = window.get("days", DAYS)
    days = days if isinstance(days, list | tuple) else [days]
    today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
    if "from" not in window:
        return today in days
    clock, begins, ends = local.strftime("%H:%M"), window["from"], window["until"]
    if begins < ends:
        return today in days and begins <= clock < ends
    return (today in days and clock >= begins) or (yesterday in days and clock < ends)


def _statements(case: Case, told: Sequence[Told]) -> list[tuple[int, int, str, str, str]] | None:
    """Return (clock, event time, purpose, channel, status) of a customer's statements.

    None where an event id came twice: which of two was dropped is not looked at here.
    """
    owned = {
        (one["type"], one["value"])
        for kind, record in told
        if kind == "identity" and record["kind"] in ("created", "linked")
        for one in record["identifiers"]
    }
    clock, found, ids = 0, [], set()
    for event in case.events:
        clock = max(clock, event.time)
        if (
            not event.identifiers
            or (event.identifiers[0].type, event.identifiers[0].value) not in owned
        ):
            continue
        if event.type != "cjo.consent":
            continue
        if event.id in ids:
            return None
        ids.add(event.id)
        status, channel = event.attributes.get("status"), event.attributes.get("channel")
        purpose = event.attributes.get("purpose")
        if status in _STRICT:
            found.append((clock, event.time, str(purpose), str(channel or "*"), str(status)))
    return found


def _instances(case: Case) -> dict[str, list[dict[str, Any]]]:
    """Return the transitions of each instance in their order, whoever had it."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in case.transitions:
        if one["instance_id"] is not None:
            found[one["instance_id"]].append(one)
    return found


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[Any]:
    return [
        (key, one.get(key), other.get(key))
        for key in {*one, *other}
        if one.get(key) != other.get(key)
    ][:3]
