"""The stages around the tasks: events in, records out, models learnt. Each is a plain process.

intake            events in: frames for the tasks
  lane            a raw partition that intake reads, and the barrier between two sets
  route           the definition sets that records are routed by
  committer       commits the positions of lanes
dispatch          effects out: single records, each once
member            the place of intake and dispatch in their groups
follow            records and events out of their topics, for the sink of insight
learn, memory     rewards in: models for every task, and the learner's memory

The tasks between them are in `worker`.
"""
