"""The stages around the tasks: events in, records out, models learnt. Each is a plain process.

intake            events in: frames for the tasks
  lane            a raw partition that intake reads, and the barrier between two sets
  route           the definition sets that records are routed by
  committer       commits how far each lane is
dispatch          effects out: single records, each once
member            the place in a group that intake and dispatch have
learn, memory     rewards in: models for every task, and what the learner remembers

The tasks between them are in `worker`.
"""
