"""Which topologies have a traffic model, and the questions a model answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from cjo_stream.errors import UsageError
from cjo_stream.simulate import lending
from cjo_stream.simulate.fault import Faults
from cjo_stream.simulate.record import Simulated, Truth
from cjo_stream.simulate.scene import Setting
from cjo_stream.simulate.shop import visit as shop
from cjo_stream.simulate.telco import life as telco
from cjo_stream.simulate.world import World


class Model(msgspec.Struct, frozen=True):
    """A traffic model: the world its records come from, and who is really whom."""

    world: Callable[[Setting], World]
    truth: Callable[[int, int], Iterator[Truth]]


MODELS = {
    "lending": Model(lending.world, lending.truth),
    "shop": Model(shop.world, shop.truth),
    "telco": Model(telco.world, telco.truth),
}
"""By the name of the topology whose channels and event types it speaks."""


def models() -> list[str]:
    """Return the topologies that traffic can be made for."""
    return sorted(MODELS)


def traffic(
    topology: str,
    *,
    people: int,
    seed: int,
    start_ms: int,
    duration_ms: int,
    rate: float | None = None,
    faults: Faults | None = None,
) -> Iterator[Simulated]:
    """Yield raw records in order of arrival.

    Event times run from `start_ms` on for `duration_ms`; a late record arrives up to four days
    after its time, thus perhaps past the end. The same arguments give the same records, in any
    process. `rate` asks for so many records a second of simulated time, without nights (about:
    people decide); without it people come as often as people do. Memory grows with `people`, some
    100 bytes each, and not with the length of the stream.

    Raises UsageError where the topology has no traffic model, or an argument is out of range.
    """
    return open_world(
        topology,
        people=people,
        seed=seed,
        start_ms=start_ms,
        duration_ms=duration_ms,
        rate=rate,
        faults=faults,
    ).events()


def open_world(
    topology: str,
    *,
    people: int,
    seed: int,
    start_ms: int,
    duration_ms: int,
    rate: float | None = None,
    faults: Faults | None = None,
    quiet_ms: int = 0,
    haste: float = 1.0,
) -> World:
    """Return the world that `traffic` tells of, whose people answer what they are sent.

    For `quiet_ms` after the end they go on answering, though nothing else happens any more. They
    do so `haste` times as soon as people do.
    Raises UsageError as `traffic` does.
    """
    model = _model(topology)
    faults = faults or Faults()
    shares = (faults.late, faults.repeated, faults.malformed)
    if people < 1 or duration_ms < 1 or start_ms < 0 or (rate is not None and rate <= 0):
        raise UsageError(
            "people, duration and rate must be above 0, and the start not before 1970"
        )
    if haste < 1:
        raise UsageError("the haste must be 1 or more")
    if min(shares) < 0 or sum(shares) > 1:
        raise UsageError("the shares of faults must lie between 0 and 1, their sum too")
    return model.world(
        Setting(
            people=people,
            seed=seed,
            start_ms=start_ms,
            duration_ms=duration_ms,
            rate=rate,
            faults=faults,
            quiet_ms=quiet_ms,
            haste=haste,
        )
    )


def truth(topology: str, *, people: int, seed: int) -> Iterator[Truth]:
    """Yield who is really whom, by person: for the same `people` and `seed` as the traffic's.

    Not everybody of it need turn up in the traffic. Raises UsageError as `traffic` does.
    """
    return _model(topology).truth(people, seed)


def _model(topology: str) -> Model:
    model = MODELS.get(topology)
    if model is None:
        raise UsageError(
            f"there is no traffic model for the topology `{topology}`, only for: "
            f"{', '.join(models())}. Bring recorded events of your own to `cjo-stream run` instead"
        )
    return model
