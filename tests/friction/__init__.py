"""An instrument: simulated defects in the shop, and how many of them `insight friction` finds.

shop      what the shop's people do, as events by person, and records of a run
defect    defects, put into events or into records
trial     worlds with and without defects: what is found, what is false, how late
"""
