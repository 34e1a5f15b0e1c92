"""The layer: published records and events in immutable Parquet files, with one manifest.

    table      the tables, their columns, and the rows that a record gives
    source     where records come from: folders of runs, files and topics of events
    same       whether the files of a run are those whose records the layer has
    part       one file: some rows of a table of one day
    manifest   the files that make up the layer, and how far each source was read; swapped at once
    people     who is who at present: merges, what an unmerge took back, whose an identifier is
    who        the same from manifest to manifest, and its tables
    compaction joins small parts
    erasure    takes out the rows of erased customers
    forgotten  what is kept so that nothing of them comes in again
    gathering  rows that wait -> parts
    sink       new records -> parts -> the next manifest
    clearing   removes files that no reader needs any more
    live       the sink as a process on Kafka
    reading    DuckDB over the files of a manifest, with the views of `insight/view`

A sink that is killed leaves files that no manifest names. The next one removes them and reads
their records again. Readers keep nothing open and lock nothing.
"""
