"""The formats of raw records, each read into the native form (docs/events.md).

A *reader* turns a raw record into `native.Native`, or raises InputError. The rules for every
format (identifiers, attributes, times, the order of reasons) are in `ingest.decoder`.
"""
