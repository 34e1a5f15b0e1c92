"""Traffic models of topologies, and the functions that use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from cjo_stream.errors import UsageError
from cjo_stream.simulate import federation, lending
from cjo_stream.simulate.fault import Faults
from cjo_stream.simulate.record import Simulated, Truth
from cjo_stream.simulate.scene import Setting
from cjo_stream.simulate.shop import visit as shop
from cjo_stream.simulate.telco import life as telco
from cjo_stream.simulate.world import World


class Model(msgspec.Struct, frozen=True):
    """A traffic model: the world of its records, and the truth."""

    world: Callable[[Setting], World]
    truth: Callable[[int, int], Iterator[Truth]]


MODELS = {
    "federation": Model(federation.world, federation.truth),
    "lending": Model(lending.world, lending.truth),
    "shop": Model(shop.world, shop.truth),
    "telco": Model(telco.world, telco.truth),
}
"""By the name of the topology."""


def models() -> list[str]:
    """Return the names of the topologies with a traffic model."""
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
    after its time, so perhaps after the end. The same arguments give the same records, in any
    process. `rate` is the approximate number of records a second of simulated time, without
    nights; without it people come at a natural rate. Memory grows with `people`, about 100 bytes
    each, but not with the length of the stream.

    Raises UsageError if the topology has no traffic model, or an argument is out of range.
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
    """Return the world of `traffic`, whose people also answer commands.

    For `quiet_ms` after the end they go on answering, but nothing else happens. They answer
    `haste` times faster than real people.
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
    """Yield the real identifiers of each person, for the `people` and `seed` of some traffic.

    Some people may not occur in the traffic. Raises UsageError as `traffic` does.
    """
    return _model(topology).truth(people, seed)


def _model(topology: str) -> Model:
    model = MODELS.get(topology)
    if model is None:
        raise UsageError(
            f"there is no traffic model for the topology `{topology}`, only for: "
            f"{', '.join(models())}. Use your own recorded events with `cjo-stream run` instead"
        )
    return model
