"""For users' own tests: a driver for topologies, and the contract of stores."""

from cjo_stream.testing.driver import TopologyDriver

__all__ = ["TopologyDriver"]
