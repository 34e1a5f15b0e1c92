"""What is shipped for the tests of others: a driver for topologies, and the store contract."""

from cjo_stream.testing.driver import TopologyDriver

__all__ = ["TopologyDriver"]
