"""Schemas of a registry, and the bytes that they describe.

    record's bytes --wire--> schema id, body --avro, protobuf--> values --> a JSON object's text

`schemas` keeps what was fetched by `client`, and fetches in a thread of its own: nobody waits in
here. What a decoded record means is for `ingest`; who waits for a schema is for `kafka`.
"""
