"""What operators ask of an installation: the adapter of `installation.port` for Kafka.

installation   its definition set, and questions and orders about a customer
records        what it sent, and what it refused
retention      what of a person is held where, and for how long
replay         records of its topics, put through a task on the desk
"""
