"""The formats of raw records, each read into the native form (docs/events.md).

A *reader* takes a raw record and returns `native.Native`, or raises InputError. What holds for
every format (identifiers, attributes, times, the order of reasons) is not in here but in
`ingest.decoder`.
"""
