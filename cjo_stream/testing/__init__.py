"""For users' own tests: a driver for topologies, cases in YAML, and the contract of stores.

driver          a topology in memory: events at times in, records out
suite           all cases of a folder: read, chosen, played, and what they covered
play            one case: what is given, and its steps
look            what an expectation finds: what came, and how things stand
compare, row    what is expected against the records that came
hint, tell      why something did not come; the differences in words
trace, coverage which rules of the definitions were reached
update, junit   what is written: golden expectations, results for CI
store_contract  one test suite for every store
"""

from cjo_stream.testing.driver import TopologyDriver

__all__ = ["TopologyDriver"]
