"""The distributed runtime: topics, intake, worker, dispatch, and what keeps them running.

Intake and dispatch are plain confluent-kafka processes, the worker a Faust app. Here live
positions, deliveries, transactions and restarts; what a record means is the engine's business.
"""
