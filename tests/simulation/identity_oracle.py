"""What docs/identity.md promises, asked of a history that has come to rest.

The run is told again record by record, with an eye on each message to an actor; then what the
stores hold is compared with an offline union-find and with the events that were fed. Nothing here
uses the core's own rules: limits, components and counts are worked out anew.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from cjo_stream.core import actor
from cjo_stream.core.answer import Erased, Shown, Unlinked
from cjo_stream.core.bounds import BOUNDS, Bounds
from cjo_stream.core.edge import Member
from cjo_stream.core.event import Event
from cjo_stream.core.event import Identifier as Named
from cjo_stream.core.identifier import arrival
from cjo_stream.core.message import (
    Accept,
    ActorMessage,
    Arrive,
    Deliver,
    Denied,
    Drop,
    Erase,
    Forget,
    Granted,
    Linked,
    LinkRequest,
    Propose,
    Refused,
    Reject,
    Reseed,
    Show,
    Unlink,
)
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import Reply
from cjo_stream.core.state import Customer, Identifier
from cjo_stream.core.timeline import EVENT, EventEntry, TimelineEntry
from cjo_stream.core.turn import Turn
from cjo_stream.engine.codec import decode_note
from tests.simulation.identity import FREE, PARTED, History, topology_of
from tests.simulation.identity_apart import Apart
from tests.world.mesh import Mesh, Retold
from tests.world.situation import Witness, meta_of
from tests.world.stored import actor_states, held

Element = tuple[str, int]
"""An incarnation: the identifier's hash, its epoch."""


def check(mesh: Mesh, history: History) -> Story:
    """Raise AssertionError where a promise is broken; return what happened."""
    told = Retold(mesh)
    program = topology_of(history.kind).program
    follows_sets = history.kind.name in ("free", "limited", "sliding")
    keeps_order = follows_sets or history.kind is PARTED
    story = Story(
        program,
        mesh.bounds.get("bounds", BOUNDS),
        follows_sets=follows_sets,
        keeps_order=keeps_order,
    )
    witness = Witness()
    with witness.watching(), observed(story):
        for _ in told.records(witness):
            story.check_touched()
    story.situations = mesh.met | witness.met
    for before, after in zip(mesh.partitions, told.stores, strict=True):
        assert held(before.store) == held(after), "the state differs from a clean replay"
    end = End(told)
    end.check_rest()
    end.check_members()
    end.check_redirects()
    end.check_state(history, story, told)
    end.check_transitions(told)
    end.check_canaries(told)
    if story.follows_sets:
        end.check_sets(story)
    if keeps_order:
        assert not story.out_of_order(), "events of one anchor overtake each other"
    assert not story.mistaken, story.mistaken
    end.check_answers(history, told)
    end.check_links(history, story, program)
    if history.kind is FREE and not story.unasked and not story.may_be_full(history):
        end.check_union_find(history)
    end.check_erased(history, story)
    end.check_unlinked(history, told, story)
    return story


@contextmanager
def observed(story: Story) -> Iterator[None]:
    """Let a story see each message before and after its actor has handled it."""
    receive, passes_on = actor.receive, arrival.passes_on

    def receive_and_tell(
        key: str, state: actor.Actor | None, message: ActorMessage, turn: Turn
    ) -> actor.Actor | None:
        story.expect(state)
        after = receive(key, state, message, turn)
        story.observe(key, after, message, turn)
        return after

    def pass_on_and_tell(
        state: Identifier, event: Event, program: Program, bounds: Bounds
    ) -> bool:
        is_passed_on = passes_on(state, event, program, bounds)
        if is_passed_on:
            story.observe_passed_on(event)
        return is_passed_on

    actor.receive, arrival.passes_on = receive_and_tell, pass_on_and_tell
    try:
        yield
    finally:
        actor.receive, arrival.passes_on = receive, passes_on


TURN_ENTRIES_MAX = 20
"""What a turn of these worlds adds to a timeline at most."""


class Story:
    """What is seen on the way: limits at every commit, the accepts in order, who was refused."""

    def __init__(
        self,
        program: Program,
        bounds: Bounds,
        *,
        follows_sets: bool,
        keeps_order: bool,
    ) -> None:
        self._program = program
        self.bounds = bounds
        self._is_full = False
        """Whether the timeline of the customer who is about to handle a message is full."""
        self._leaves_some = False
        """Whether an unmerge may have left behind what is older than a timeline."""
        self.unasked: set[str] = set()
        """Hashes of anchors that had no room for a link to ask for."""
        self._keeps_order = keeps_order
        """Whether an anchor never comes to a customer without its past, erased or shared."""
        self.follows_sets = follows_sets
        self._touched: dict[str, tuple[Customer, int, Program]] = {}
        self._proposed: dict[str, Propose] = {}
        self._holdings: dict[str, set[Element]] = {}
        """Customer id -> the members and the visits it has, as of the last commit."""
        self._holders: dict[Element, str] = {}
        """The same, the other way round."""
        self.sets: dict[str, set[Element]] = {}
        """The offline union-find: customer id -> its elements, of roots."""
        self.absorbed: dict[str, str] = {}
        self.refused: defaultdict[frozenset[str], set[str]] = defaultdict(set)
        """The two hashes of an edge -> why it was refused."""
        self.forgotten: dict[str, int] = {}
        """Hash -> up to when its events are erased, the latest."""
        self.apart = Apart(bounds.apart)
        self.left: set[str] = set()
        """Hashes that have left a customer, who goes on to know that they were linked."""
        self.mistaken: list[str] = []
        """Orders that had an effect on others than whom they were about; events too early."""
        self._open: dict[str, str] = {}
        """Anchor -> the link that it has asked for and that is not settled."""
        self._asked: dict[tuple[str, int, str | None], int] = {}
        """Anchor, its epoch, event -> the rank of whom it has asked for last."""
        self.arrived: defaultdict[str, list[str | None]] = defaultdict(list)
        """Anchor -> the ids of its events in the order in which they came to it."""
        self.applied: defaultdict[str, list[str | None]] = defaultdict(list)
        """Anchor -> likewise, in the order in which a customer took them."""
        self.counts: Counter[str] = Counter()
        self.met: set[str] = set()
        """The bounds that were met."""
        self.situations: set[str] = set()

    @property
    def knows_past(self) -> bool:
        """Whether each customer's traits tell of all their visits.

        They do not where an unmerge leaves behind what is older than the timeline, or where a
        list of numbers finds no room.
        """
        return not self._leaves_some and "traits" not in self.met

    def expect(self, state: object) -> None:
        """Look at an actor that is about to handle a message."""
        self._is_full = isinstance(state, Customer) and state.noted >= self.bounds.timeline

    def observe_passed_on(self, event: Event) -> None:
        """Note an event that its identifier, at rest, passed on without a turn."""
        self.counts[Arrive.__name__] += 1
        self.arrived[event.identifiers[0].hash].append(event.id)

    def observe(self, key: str, state: object, message: ActorMessage, turn: Turn) -> None:
        """Note what one message did."""
        self.counts[type(message).__name__] += 1
        self.met |= {count[1] for count in turn.counts if count[0] == "cjo_state_bounds_total"}
        if ("cjo_state_bounds_total", "asked") in turn.counts:
            self.unasked.add(key[1:])
        replies = [record.body for record in turn.records if isinstance(record, Reply)]
        self._observe_apart(turn)
        if any(isinstance(one, Unlinked) and one.done and one.leaving for one in replies):
            # One that waited comes after what it waited for, which may have filled the timeline.
            waited = not isinstance(message, Unlink) and self.bounds.timeline < BOUNDS.timeline
            self._leaves_some |= self._is_full or waited
        if isinstance(state, Customer):
            self._touched[key] = (state, turn.clock, turn.program)
        if isinstance(message, Arrive):
            self.arrived[key[1:]].append(message.event.id)
        elif isinstance(message, Deliver):
            if not any(type(sent) is Deliver for _, sent in turn.messages):
                self._observe_applied(state, message)
        elif isinstance(message, Erase | Unlink | Show):
            self._observe_order(state, message, turn)
        elif isinstance(message, Drop):
            self.left.add(message.incarnation.hash)
        elif isinstance(message, Reseed):
            self.left.add(key[1:])
        elif isinstance(message, Forget):
            assert isinstance(state, Identifier)
            if state.erased_at == message.erased_at:
                self.forgotten[key[1:]] = message.erased_at
        elif isinstance(message, Propose):
            self._proposed[message.by] = message
        self._observe_asking(key, message, turn)
        for to, sent in turn.messages:
            if isinstance(sent, Accept):
                self._accept(to[1:], sent.by)
            elif isinstance(sent, Reject) and isinstance(message, Propose):
                assert isinstance(state, Customer)
                self._reject(message, sent.reason, state, turn)
            elif isinstance(sent, Refused | Denied):
                ends = frozenset((sent.edge.source.hash, sent.edge.other.hash))
                self.refused[ends].add(sent.reason)

        if self.follows_sets and any(type(sent) is Accept for _, sent in turn.messages):
            assert isinstance(state, Customer)
            assert state.membership is not None
            met = elements(state.members)
            for reservation in state.membership.reserved.values():
                met |= elements(reservation.members)
            assert met == self._set_of(state.id), "the accepts, in order, meet other sets"

    def _observe_apart(self, turn: Turn) -> None:
        """Note what was taken back or erased; a merge comes after it in a turn."""
        for reply in (record for record in turn.records if isinstance(record, Reply)):
            if isinstance(reply.body, Unlinked) and reply.body.done:
                self.apart.unlink(reply.command_id, reply.body, turn.clock)
            elif isinstance(reply.body, Erased) and reply.body.done:
                self.apart.erase(reply.body.customer_id)

    def _observe_applied(self, state: object, message: Deliver) -> None:
        """Check that an event finds what the earlier events of its anchor made."""
        earlier = self.applied[message.event.identifiers[0].hash]
        if self._keeps_order and self.knows_past and isinstance(state, Customer):
            there = {f"v{number}" for number in state.traits.get("numbers", [])}
            lacking = [id_ for id_ in earlier if id_ not in there]
            # Of more than are remembered of those who left, an event stays where it was sent.
            if lacking and "moved" not in self.met:  # what raises here would only fail the event
                self.mistaken.append(f"{message.event.id} came before what {lacking} had made")
        earlier.append(message.event.id)

    def _observe_order(self, state: object, order: Erase | Unlink | Show, turn: Turn) -> None:
        """Check that an order has its effect on whom its identifier is of, and nobody else."""
        replies = (record.body for record in turn.records if isinstance(record, Reply))
        if not isinstance(next(replies, None), Erased | Unlinked | Shown):
            return
        if not isinstance(state, Customer) or order.by is None:
            self.mistaken.append(f"who is {order.command_id} about?")
            return
        hash_, epoch = order.by
        here = {to[1:] for to, sent in turn.messages if isinstance(sent, Forget)}
        here |= {hash_ for hash_, epoch_ in elements(state.members) if epoch_ == epoch}
        forgot = ("cjo_state_bounds_total", "moved") in turn.counts
        left = isinstance(order, Unlink) and (forgot or f"{hash_}@{epoch}" in state.moved)
        if hash_ not in here and not left:  # what raises here would only fail the order
            self.mistaken.append(f"{type(order).__name__} of another customer: {order.command_id}")

    def _observe_asking(self, key: str, message: ActorMessage, turn: Turn) -> None:
        """Check that an anchor asks for the links of an event strongest first, one at a time."""
        if isinstance(message, Reseed | Forget):
            self._open.pop(key, None)
        elif isinstance(message, Granted | Linked | Refused):
            again = isinstance(message, Refused) and message.reason == "stale"
            is_settled = not again and not message.edge.command_id
            is_settled |= isinstance(message, Linked)
            if is_settled and self._open.get(key) == message.edge.name:
                del self._open[key]
        for to, sent in turn.messages:
            if key[0] != "n" or not isinstance(sent, LinkRequest) or sent.edge.command_id:
                continue
            edge = sent.edge
            assert self._open.setdefault(key, edge.name) == edge.name, "two are asked at once"
            event = key, edge.source.epoch, edge.event_id
            rank = self._program.identifiers[edge.other.type].rank
            assert self._asked.get(event, 0) <= rank, f"{to} is stronger than who was asked before"
            self._asked[event] = rank
        if any(isinstance(sent, Drop) for _, sent in turn.messages):
            self._open.pop(key, None)

    def out_of_order(self) -> set[str]:
        """Return the anchors whose events a customer took in another order than they came."""
        anchors = self.arrived.keys() | self.applied.keys()
        return {one for one in anchors if self.arrived.get(one) != self.applied.get(one)}

    def check_touched(self) -> None:
        """Check every customer that the last commit has written: invariants 1 to 4 so far."""
        for customer, clock, program in self._touched.values():
            if customer.redirect:
                assert customer.redirect < customer.id, "a redirect leads up"
            else:
                counted = _broken(customer.members.values(), clock, program)
                assert counted is None, f"{customer.id} breaks the limit of {counted}"
        self._check_holders([customer for customer, *_ in self._touched.values()])
        self._touched.clear()

    def _check_holders(self, touched: list[Customer]) -> None:
        """Check that whatever they hold now, no other customer on any partition holds too."""
        for customer in touched:
            for held_before in self._holdings.pop(customer.id, ()):
                del self._holders[held_before]
        for customer in touched:
            visits = {("visit", int(i.key)) for i in customer.instances if i.journey == "each"}
            holds = self._holdings[customer.id] = elements(customer.members) | visits
            for one in holds:
                assert one not in self._holders, f"{one} is held twice"
                self._holders[one] = customer.id

    def would_break(self, members: Iterable[Member]) -> bool:
        """Return whether one customer of these members has more of them than is ever allowed."""
        some = list(members)
        return self._too_many(some) or _broken(some, None, self._program) is not None

    def may_be_full(self, history: History) -> bool:
        """Return whether one customer could not hold all identifiers that there are."""
        all_of_them = {i.hash: i for event in history.events for i in event.identifiers}
        return self._too_many([Member(i.type, i.value, 0) for i in all_of_them.values()])

    def _too_many(self, members: list[Member]) -> bool:
        """Return whether no customer may hold so many identifiers, or so long ones."""
        characters = sum(len(member.value) for member in members)
        return len(members) > self.bounds.members or characters > self.bounds.members_characters

    def _set_of(self, customer: str) -> set[Element]:
        return self.sets.setdefault(customer, {(customer[2:34], int(customer[34:], 16))})

    def _accept(self, absorbed: str, by: str) -> None:
        assert absorbed > by
        is_ordered = bool(self._proposed[absorbed].edge.command_id)
        self.apart.join(absorbed, by, is_ordered=is_ordered)
        if self.follows_sets:
            assert elements(self._proposed[absorbed].members) == self._set_of(absorbed)
            self.sets[by] = self._set_of(by) | self._set_of(absorbed)
            del self.sets[absorbed]
            self.absorbed[absorbed] = by

    def _reject(self, proposed: Propose, reason: str, state: Customer, turn: Turn) -> None:
        if reason != "limit":
            return
        union = {**state.members, **proposed.members}
        for reservation in state.membership.reserved.values() if state.membership else ():
            union.update(reservation.members)
        ends = {proposed.edge.source.hash, proposed.edge.other.hash}
        as_linked = [
            msgspec.structs.replace(member, linked_at=turn.clock) if hash_ in ends else member
            for hash_, member in union.items()
        ]
        broken = self._too_many(as_linked) or _broken(as_linked, turn.clock, turn.program)
        assert broken, "refused, but no limit would break"


def _broken(members: Iterable[Member], clock: int | None, program: Program) -> str | None:
    """Return the type of which there are too many at `clock`; None: sliding ones apart."""
    counts: Counter[str] = Counter()
    for member in members:
        per_ms = program.identifiers[member.type].per_ms
        if per_ms is None:
            counts[member.type] += 1
        elif clock is not None and member.linked_at is not None:
            counts[member.type] += member.linked_at > clock - per_ms
    for type_, count in counts.items():
        if count > program.identifiers[type_].limit:
            return type_
    return None


def elements(members: dict[str, Member]) -> set[Element]:
    """Return the incarnations of members."""
    return {(hash_, member.epoch) for hash_, member in members.items()}


class End:
    """What the stores hold when all is quiet."""

    def __init__(self, told: Retold) -> None:
        self.identifiers: dict[str, Identifier] = {}
        self.customers: dict[str, Customer] = {}
        for key, state in actor_states(told.stores):
            if isinstance(state, Customer):
                self.customers[key[1:]] = state
            else:
                self.identifiers[key[1:]] = state
        self.roots = {id_: c for id_, c in self.customers.items() if not c.redirect}
        self._timelines: defaultdict[str, list[TimelineEntry]] = defaultdict(list)
        self._bytes = b""
        for store in told.stores:
            for key, value in store.scan(b"h", b"i"):
                self._timelines[key[2:-2].decode()] += decode_note(value)
            self._bytes += b"".join(value for _, value in held(store))

    def root_of(self, hash_: str) -> str:
        """Return the customer to whom an identifier's pointer leads; it need not be born yet."""
        id_ = self.identifiers[hash_].pointer if hash_ in self.identifiers else ""
        while id_ in self.customers and self.customers[id_].redirect:
            id_ = self.customers[id_].redirect
        return id_

    def _members(self, root: str, seen: Named) -> list[Member]:
        """Return a root's members; whom nobody asked has only itself."""
        if root in self.roots:
            return list(self.roots[root].members.values())
        return [Member(seen.type, seen.value, 0)]

    def check_rest(self) -> None:
        """Nothing waits."""
        for hash_, state in self.identifiers.items():
            assert not state.held, f"{hash_} holds events"
            assert not state.asked, f"{hash_} waits for answers"
            assert state.former_path is None, f"{hash_} waits for the last event on a former way"
        for id_, customer in self.customers.items():
            assert customer.membership is None, f"{id_} is not at rest: {customer.membership}"

    def check_redirects(self) -> None:
        """Invariant 1: a redirect leads down, and to someone."""
        for id_, customer in self.customers.items():
            if customer.redirect:
                assert customer.redirect < id_
                assert customer.redirect in self.customers
                assert customer == Customer(id=id_, redirect=customer.redirect)

    def check_members(self) -> None:
        """Invariant 2: who is a member of whom, and where the pointers lead."""
        owners: dict[Element, str] = {}
        for id_, root in self.roots.items():
            for element in elements(root.members):
                assert element not in owners, f"{element} is a member twice"
                owners[element] = id_
        for (hash_, epoch), id_ in owners.items():
            assert self.identifiers[hash_].epoch == epoch, f"{hash_}@{epoch} is gone, but a member"
            assert self.root_of(hash_) == id_, f"{hash_} points elsewhere"
        for hash_, state in self.identifiers.items():
            if (hash_, state.epoch) not in owners and state.pointer:
                assert self.root_of(hash_) not in self.customers, f"{hash_} is nobody's member"
                assert state.pointer[2:] == f"{hash_}{state.epoch:04x}"

    def check_state(self, history: History, story: Story, told: Retold) -> None:
        """Invariant 3: each visit is held by one customer, whole."""
        found: Counter[int] = Counter()
        refused = {
            int(row["key"])
            for row in told.rows("transition")
            if row["journey"] == "each" and row["reason"] == "refused"
        }
        opened: Counter[int] = Counter()
        for id_, root in self.roots.items():
            entries = self._timelines.pop(id_, [])
            noted = Counter(
                int((msgspec.json.decode(entry.body, type=EventEntry).id or "v")[1:])
                for entry in entries
                if entry.kind == EVENT
            )
            visits = Counter(root.traits.get("numbers", []))
            each = Counter(int(i.key) for i in root.instances if i.journey == "each")
            if story.knows_past:
                assert visits.total() == root.events
                assert each <= visits, f"{id_}: instances {each}, visits {visits}"
                # Of too many entries what the oldest turn added goes whole.
                is_full = len(entries) + TURN_ENTRIES_MAX > story.bounds.timeline
                assert noted <= visits if is_full else noted == visits, f"{noted}, but {visits}"
            assert root.traits.get("visits", 0) == root.events
            found += visits
            opened += each
        assert not self._timelines, "a timeline of nobody"
        assert max(opened.values(), default=0) <= 1, "an instance is held twice"
        if not story.knows_past:
            kept = sum(root.events for root in self.roots.values())
            everything = len(history.events)
            assert kept <= everything if story.forgotten else kept == everything, f"{kept} visits"
            # What an unmerge left behind may have been erased since, with who was left.
            is_kept = "traits" not in story.met and not story.forgotten
            assert opened <= found or not is_kept, f"of nobody: {opened - found}"
            return
        unopened = found - opened
        assert "instances" in story.met or unopened.keys() <= refused, f"no instance: {unopened}"
        assert opened <= found, f"instances of nobody: {opened - found}"
        for event in history.events:
            number = event.attributes["number"]
            times = found.pop(number, 0)
            anchor = event.identifiers[0].hash
            erased = story.forgotten.get(anchor)
            assert times <= 1, f"visit {number} is held {times} times"
            if anchor in story.left and story.forgotten:
                continue  # what came before it left may have stayed with who was erased
            if erased is None:
                assert times == 1, f"visit {number} is lost"
            else:
                assert times <= (event.time > erased), f"visit {number} outlives its customer"
        assert not found

    def check_transitions(self, told: Retold) -> None:
        """A timer fires once, and an instance lives once, whoever has it."""
        moves = Counter(
            (row["instance_id"], row["from"], row["to"])
            for row in told.rows("transition")
            if row["journey"] == "each" and row["reason"] != "refused"
        )
        assert all(times == 1 for times in moves.values()), "a transition happened twice"
        entered = {id_ for id_, before, _ in moves if before is None}
        seen = {id_ for id_, _, to in moves if to == "seen"}
        alive = {i.id for root in self.roots.values() for i in root.instances}
        for id_ in entered & alive:
            assert id_ in seen, f"the timer of {id_} never fired"
        for root in self.roots.values():
            once = [i for i in root.instances if i.journey == "once" and i.state is not None]
            assert len(once) <= 1

    def check_canaries(self, told: Retold) -> None:
        """A canary has one verdict, the same everywhere; who was to be moved by it was moved."""
        rows = [one for one in told.rows("governance") if one["kind"] == "verdict"]
        verdicts = [(one["journey"], one["version"], one["verdict"]) for one in rows]
        assert len(set(verdicts)) == len(verdicts), f"decided twice: {verdicts}"
        for store in told.stores:
            assert [one.row for one in meta_of(store).verdicts] == verdicts
        promoted = {journey: version for journey, version, how in verdicts if how == "promote"}
        for id_, root in self.roots.items():
            for one in root.instances:
                version = promoted.get(one.journey, one.version)
                assert one.state is None or one.version >= version, f"{id_} was left behind: {one}"

    def check_sets(self, story: Story) -> None:
        """Invariant 5: the accepts in order give the same partition."""
        roots = {id_: elements(root.members) for id_, root in self.roots.items()}
        for id_, members in roots.items():
            assert story.sets.get(id_, {(id_[2:34], int(id_[34:], 16))}) == members
        for absorbed, by in story.absorbed.items():
            assert self.customers[absorbed].redirect == by

    def check_links(self, history: History, story: Story, program: Program) -> None:
        """Invariant 6: each link seen is inside one customer, or something stands against it."""
        is_final = not history.orders and not any(
            declared.per_ms is not None or declared.shared_after is not None
            for declared in program.identifiers.values()
        )
        for anchor, other, event in history.links:
            one, two = self.root_of(anchor.hash), self.root_of(other.hash)
            if one == two and one:
                continue
            if anchor.hash in story.unasked:
                continue
            if event.time <= story.forgotten.get(anchor.hash, -1):
                continue
            known = [self.identifiers.get(i.hash) for i in (anchor, other)]
            if any(state is not None and state.is_shared for state in known):
                continue
            reasons = story.refused[frozenset((anchor.hash, other.hash))]
            if not is_final:
                gone = anchor.hash in story.forgotten or other.hash in story.forgotten
                unmerged = any(isinstance(order, Unlink) for order in history.orders)
                assert gone or unmerged or reasons & {"limit", "cannot_link"}, reasons
                continue
            members = [*self._members(one, anchor), *self._members(two, other)]
            assert story.would_break(members), f"{anchor.value} and {other.value} are apart"

    def check_union_find(self, history: History) -> None:
        """Invariant 7: where nothing stands against a link, the links' components are all."""
        parents: dict[str, str] = {}

        def find(hash_: str) -> str:
            while parents.setdefault(hash_, hash_) != hash_:
                hash_ = parents[hash_]
            return hash_

        for event in history.events:
            find(event.identifiers[0].hash)
        for one, two, _ in history.links:
            parents[find(one.hash)] = find(two.hash)
        offline: defaultdict[str, set[str]] = defaultdict(set)
        for hash_ in parents:
            offline[find(hash_)].add(hash_)
        roots = [set(root.members) for root in self.roots.values()]
        assert sorted(map(sorted, offline.values())) == sorted(map(sorted, roots))

    def check_erased(self, history: History, story: Story) -> None:
        """Nothing is found of an identifier that was erased, and not seen since."""
        for event in history.events:
            for identifier in event.identifiers:
                state = self.identifiers.get(identifier.hash)
                if identifier.hash in story.forgotten and not (state and state.pointer):
                    assert identifier.value.encode() not in self._bytes, identifier.value

    def check_answers(self, history: History, told: Retold) -> None:
        """Every order of an operator is answered."""
        answered = {row["command_id"] for row in told.rows("reply")}
        assert {order.command_id for order in history.orders} <= answered

    def check_unlinked(self, history: History, told: Retold, story: Story) -> None:
        """What an operator has parted is not joined again by what is seen later.

        It may be once its mark was the oldest of too many, or after an operator's own link.
        Whoever was erased comes back as somebody new, of whom nobody knows anything.
        """
        for id_, root in self.roots.items():
            assert list(root.apart.values()) == story.apart.sides(id_), f"{id_} has other marks"
        names = {f"{i.type}:{i.value}": i.hash for e in history.events for i in e.identifiers}
        for row in told.rows("reply"):
            body = row["body"]
            assert isinstance(body, dict)
            if not body.get("done") or "links" not in body:
                continue
            for one, two in body["links"]:
                leaving = [part["identifiers"] for part in body["leaving"]]
                if any((one in part) != (two in part) for part in leaving):
                    ends = [names[one], names[two]]
                    is_new = not story.forgotten.keys().isdisjoint(ends)
                    if self.root_of(ends[0]) == self.root_of(ends[1]) and not is_new:
                        command = row["command_id"]
                        assert not story.apart.holds(command, one, two), f"{one} and {two}"
