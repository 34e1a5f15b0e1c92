"""The stages around the tasks: events in, records out, models learnt. Each is a plain process.

intake, lane      events in: frames for the tasks, and the lane of each raw partition
dispatch          effects out: single records, each once
learn, memory     rewards in: models for every task, and what the learner remembers

The tasks between them are in `worker`.
"""
