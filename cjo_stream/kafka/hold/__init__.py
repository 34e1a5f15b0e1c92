"""Commands that an operator holds, on Kafka.

order    the topic of holds: what operators said
shelf    the topic of commands that wait, and what of it waits
shelves  the shelves of a dispatch's partitions
"""
