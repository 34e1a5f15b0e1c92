"""Commands to channels without Kafka: each is posted to an endpoint, signed, until it is answered.

endpoint     the endpoints of a file, with their secrets
signature    the headers of Standard Webhooks
backlog      the commands that wait for an endpoint: order, back-off, limits; no clock of its own
answer       the meaning of an endpoint's answer
outcome      what is reported to the engine
hold         what operators hold, heeded here
post         requests and answers, in a thread of its own
process      the process `cjo-stream webhook`

Reading commands and committing positions is in `kafka.channel`.
"""
