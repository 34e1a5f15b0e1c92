"""The oracle of identity: who must be whom, from what was sent; who is whom, from what was told.

It takes from the engine nothing but its records, each customer's in the order of that customer's
log. Numbers in names are those of the invariants in docs/identity.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from tests.kafka.crowd import TYPES, Named, Sent
from tests.world.verdict import Verdict

CAP = 2
CAP_PER_MS = 15_000

Kin = frozenset[Named]


def offline(events: Iterable[Sent]) -> set[Kin]:
    """Return the partition that a union-find over the events' links gives."""
    parents: dict[Named, Named] = {}

    def find(one: Named) -> Named:
        parents.setdefault(one, one)
        while parents[one] != one:
            parents[one] = parents[parents[one]]
            one = parents[one]
        return one

    for event in events:
        for other in event.identifiers:
            parents[find(other)] = find(event.identifiers[0])
    sets: dict[Named, set[Named]] = defaultdict(set)
    for one in list(parents):
        sets[find(one)].add(one)
    return {frozenset(kin) for kin in sets.values()}


def breaks(kin: Iterable[Named], limits: dict[str, int]) -> bool:
    """Return whether one customer may not have all of these."""
    counts = Counter(type_ for type_, _ in kin)
    return any(counts[type_] > limits[type_] for type_ in TYPES)


class Family:
    """Every customer's life as the identity records tell it, the absorbed ones included."""

    def __init__(self, verdict: Verdict, events: Iterable[Sent], limits: dict[str, int]) -> None:
        """Check 1, 4 and 5 along the way: each join is that of the sets an event's link spans."""
        self._records = verdict.records
        self._events = {event.id: event for event in events}
        self._limits = limits
        self._members: dict[str, set[Named]] = {}
        self.merges = 0
        self.refusals = 0
        absorbed: set[str] = set()
        for customer, records in sorted(verdict.records.items()):
            for kind, record in records:
                if kind == "identity" and record["kind"] == "merged":
                    gone = record["absorbed"][0]
                    assert customer < gone, "1: a greater customer absorbed a smaller"
                    assert gone not in absorbed, f"{gone} was absorbed twice"
                    absorbed.add(gone)
        told = [c for c, rs in verdict.records.items() if any(k == "identity" for k, _ in rs)]
        self.roots = {c: frozenset(self._grow(c)) for c in sorted(told) if c not in absorbed}

    def _grow(self, customer: str) -> set[Named]:
        if customer in self._members:
            return self._members[customer]
        members = self._members[customer] = set()
        for kind, record in self._records[customer]:
            if kind != "identity":
                continue
            names = {(one["type"], one["value"]) for one in record["identifiers"]}
            change = record["kind"]
            if change == "created":
                assert not members, f"{customer} was created twice"
                members |= names
            elif change in ("linked", "merged"):
                self.merges += 1
                if change == "merged":
                    gone = self._grow(record["absorbed"][0])
                    assert names == gone, "5: what was absorbed is not what there was"
                self._check_link(record, members, names)
                members |= names
                assert not breaks(members, self._limits), f"4: {customer} breaks a limit"
            else:
                assert change == "refused", f"{change} is no change of this traffic"
                self.refusals += 1
        return members

    def _check_link(self, record: dict[str, Any], one: set[Named], other: set[Named]) -> None:
        anchor, *others = self._events[record["event_id"]].identifiers
        assert not one & other, "2: an identifier in two customers"
        assert any(
            (anchor in one and named in other) or (anchor in other and named in one)
            for named in others
        ), "5: a merge that no link of its event asks for"

    def check_partition(self) -> None:
        """2 and 6: everybody is in one customer; links that were seen are kept, or would break."""
        owners: dict[Named, str] = {}
        for customer, kin in self.roots.items():
            for named in kin:
                assert named not in owners, f"2: {named} is in two customers"
                owners[named] = customer
        for event in self._events.values():
            anchor = event.identifiers[0]
            assert anchor in owners, f"the anchor {anchor} of an event is nobody's"
            mine = self.roots[owners[anchor]]
            for other in event.identifiers[1:]:
                theirs = self.roots[owners[other]] if other in owners else frozenset([other])
                assert mine == theirs or breaks(mine | theirs, self._limits), (
                    f"6: {anchor} and {other} of {event.id} were not linked, and might have been"
                )

    def check_events(self, verdict: Verdict) -> None:
        """Every event was counted once, at the customer who has its anchor; so were visits."""
        owners = {named: kin for kin in self.roots.values() for named in kin}
        events: Counter[Kin] = Counter()
        visits: Counter[Kin] = Counter()
        for event in self._events.values():
            kin = owners[event.identifiers[0]]
            events[kin] += 1
            visits[kin] += event.type == "visited"
        rows = {_kin_of(row): row for row in verdict.customers}
        assert len(rows) == len(verdict.customers)
        assert {kin: row["events"] for kin, row in rows.items()} == dict(events), (
            "events were lost or counted twice"
        )
        assert all(row["traits"]["visits"] == visits[kin] for kin, row in rows.items())


def _kin_of(row: dict[str, Any]) -> Kin:
    return frozenset((t, value) for t, values in row["identifiers"].items() for value in values)


def check_instances(verdict: Verdict, events: Sequence[Sent]) -> dict[str, int]:
    """No instance, timer or command was lost or doubled; return how many carts ended by which."""
    moves: dict[str, list[dict[str, Any]]] = defaultdict(list)
    notes: Counter[int] = Counter()
    reminders: Counter[int] = Counter()
    ids: Counter[str] = Counter()
    for records in verdict.records.values():
        for kind, record in records:
            ids[record.get(f"{kind}_id", "")] += kind != "identity"
            if kind == "transition":
                assert record["reason"] != "refused", "the traffic is too dense for its bounds"
                moves[record["instance_id"]].append(record)
            elif kind == "action" and record["action"] == "note":
                notes[record["payload"]["number"]] += 1
            elif kind == "action" and record["action"] == "reminder":
                reminders[record["payload"]["number"]] += 1
    assert max(ids.values(), default=0) <= 1, "an id was given twice"
    entered: dict[str, Counter[int]] = defaultdict(Counter)
    for instance, path in moves.items():
        _check_path(instance, path)
        entered[path[0]["journey"]].update(r["key"] for r in path if r["reason"] == "entered")
    for journey, type_ in (
        ("visit", "visited"),
        ("offers", "product_viewed"),
        ("a_case", "ticket_opened"),
        ("question", "asked"),
    ):
        wanted = Counter(event.number for event in events if event.type == type_)
        assert entered[journey] == wanted, f"{journey}: not one instance an event"
    assert notes == Counter(e.number for e in events if e.type == "visited"), "a visit, a note"
    reminded = sum(any(r["to"] == "reminded" for r in path) for path in moves.values())
    assert sum(reminders.values()) == len(reminders) == reminded, "a reminder, once a cart"
    return Counter(
        path[-1]["outcome"] or path[-1]["reason"]
        for path in (sorted(p, key=_ends) for p in moves.values())
        if path[0]["journey"] == "cart"
    )


def _ends(record: dict[str, Any]) -> bool:
    return record["reason"] in ("ended", "exited", "merged")


def _check_path(instance: str, path: list[dict[str, Any]]) -> None:
    """Every state but the last was left once for each time it was entered, at any customer."""
    journey = path[0]["journey"]
    assert sum(r["reason"] == "entered" for r in path) == 1, f"{instance} was not entered once"
    ends = sum(map(_ends, path))
    assert ends == 1 or (ends == 0 and journey == "question"), f"{journey} {instance}: {ends} ends"
    entries = Counter(r["to"] for r in path if r["reason"] in ("entered", "moved"))
    exits = Counter(r["from"] for r in path if r["reason"] != "entered")
    left_over = entries - exits
    assert not exits - entries, f"{instance} left a state it was not in"
    assert sum(left_over.values()) == (not ends), f"{instance} is in more than one state"


class Contact:
    """What each customer was sent, by position in the customer's log."""

    def __init__(self, verdict: Verdict) -> None:
        """Check that no offer went out over the cap, or while a case was open."""
        self._records = verdict.records
        self._lives: dict[str, tuple[list[int], set[int]]] = {}
        self.offers = 0
        for customer in verdict.records:
            self._live(customer)
        gates = Counter(
            gate
            for records in verdict.records.values()
            for kind, record in records
            if kind == "decision" and record["request"].get("act") == "offer"
            for gate in {candidate["gate"] for candidate in record["candidates"]}
        )
        self.capped, self.blocked = gates["caps"], gates["service_gate"]

    def _live(self, customer: str) -> tuple[list[int], set[int]]:
        """Return the times of all offers, and the cases open at the end, mergers' included."""
        if customer in self._lives:
            return self._lives[customer]
        offers, cases = self._lives[customer] = [], set()
        for kind, record in self._records[customer]:
            if kind == "identity" and record["kind"] == "merged":
                others, theirs = self._live(record["absorbed"][0])
                offers += others
                cases |= theirs
            elif kind == "transition" and record["journey"] == "a_case":
                (cases.add if record["reason"] == "entered" else cases.discard)(record["key"])
            elif kind == "action" and record["action"] == "offer":
                at = record["issued_at"]
                assert not cases, f"{customer} got an offer with the cases {cases} open"
                assert sum(one > at - CAP_PER_MS for one in offers) < CAP, (
                    f"{customer}: over the cap"
                )
                offers.append(at)
                self.offers += 1
        return offers, cases


def judge_people(
    verdict: Verdict, events: Sequence[Sent], limits: dict[str, int]
) -> dict[str, Any]:
    """Hold all that was told against all that was sent; return what there was to be judged."""
    family = Family(verdict, events, limits)
    family.check_partition()
    family.check_events(verdict)
    kin = {kin for row in verdict.customers if (kin := _kin_of(row))}
    assert kin == set(family.roots.values()), "the stores hold others than were told"
    if not any(breaks(kin, limits) for kin in offline(events)):
        assert kin == offline(events), "7: not what an offline union-find gives"
    contact = Contact(verdict)
    return {
        "events": len(events),
        "customers": len(kin),
        "largest": max(map(len, kin)),
        "merges": family.merges,
        "refused": family.refusals,
        "carts": check_instances(verdict, events),
        "commands": verdict.commands,
        "offers": contact.offers,
        "capped": contact.capped,
        "blocked": contact.blocked,
    }
