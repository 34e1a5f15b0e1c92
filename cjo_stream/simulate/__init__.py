"""Simulated traffic with ground truth, for the demo, for tests and for benchmarks.

    traffic("shop", people=1000, seed=7, start_ms=..., duration_ms=...) -> Iterator[Simulated]
    truth("shop", people=1000, seed=7)                                   -> Iterator[Truth]

One seed gives the same traffic in every process. People own several devices, share some, clear
cookies, log in or do not; events come late, twice, or broken. `truth` gives the real identifiers
of each person. This package only makes traffic; other packages send it to Kafka, or run it.
"""

from cjo_stream.simulate.answer import SOONEST_MS, Received
from cjo_stream.simulate.fault import Faults
from cjo_stream.simulate.files import read_truth, write_channels, write_native, write_truth
from cjo_stream.simulate.pace import at_arrival, at_rate, in_steps
from cjo_stream.simulate.payoff import Payoff, Worth, payoff
from cjo_stream.simulate.people import People
from cjo_stream.simulate.record import Simulated, Truth
from cjo_stream.simulate.traffic import models, open_world, traffic, truth
from cjo_stream.simulate.world import World

__all__ = [
    "SOONEST_MS",
    "Faults",
    "Payoff",
    "People",
    "Received",
    "Simulated",
    "Truth",
    "World",
    "Worth",
    "at_arrival",
    "at_rate",
    "in_steps",
    "models",
    "open_world",
    "payoff",
    "read_truth",
    "traffic",
    "truth",
    "write_channels",
    "write_native",
    "write_truth",
]
