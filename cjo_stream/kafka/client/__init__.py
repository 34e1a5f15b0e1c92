"""The clients of the broker: librdkafka's, as all of `kafka` but the worker's agent uses them.

place         topics and partitions, as data
admin         which topics and offsets the broker has
consumer      a member of a group, and a reader without a group
sender        the producer of a process without an event loop
error         the meaning of error codes
producer      the worker's idempotent producer
transaction   writes in transactions, guarded against late requests
contents      the records that a partition holds now
feed          records sent as fast as the broker takes them
property      the settings of the library
permission    errors of access control
handshake     why a broker that is there does not answer
tls           the library's properties of TLS, for others
noise         fewer log lines while a broker is away

Which topics there are is not defined here.
"""
