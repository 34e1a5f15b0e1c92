"""Journeys: state machines that events and time move.

cascade    the order of one event, or one timer
progress   an event to all instances and entries; what is due
rollout    what a new definition set does to live instances
instance   one instance: goals, exits, transitions, steps, timers
entry      opens an instance
history    past runs, which re-entry rules need
step       runs steps
record     transition records
join       joins and parts the instances of two customers
"""
