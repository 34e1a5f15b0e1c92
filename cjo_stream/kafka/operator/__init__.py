"""The adapter of `installation.port` for Kafka.

installation   its definition set, and questions and orders about a customer
records        published records, and dead letters
alternative    the other place that a command can read, for errors
holding        what operators hold, and what waits
redrive        dead letters sent again
retention      what of a person is held where, and for how long
replay         records of its topics, run through a task in memory
"""
