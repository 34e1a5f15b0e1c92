"""The clients of the broker: librdkafka's, as all of `kafka` but the worker's agent uses them.

place         topics and partitions, as data
admin         which topics and offsets the broker has
consumer      a member of a group, and a reader of none
sender        the producer of a process without an event loop
error         what an error's code means
producer      the worker's idempotent producer
transaction   writes in transactions, guarded against a late network
contents      what a partition holds now
feed          records sent as fast as the broker takes them
property      the settings of the library
permission    what the broker forbids
noise         what the libraries log while a broker is away

What the topics are is not in here.
"""
