"""The layer: published records and events in immutable Parquet files, with one manifest.

    table      the tables, their columns, and the rows that a record gives
    part       one file: some rows of a table of one day
    manifest   the files that make up the layer, and how far each source was read; swapped at once
    people     who is who at present: merges, what an unmerge took back, whose an identifier is
    who        the same from manifest to manifest, and its tables
    erasure    takes out the rows of erased customers
    forgotten  what is kept so that nothing of erased customers comes in again
    reading    DuckDB over the files of a manifest, with the views of `insight/view`

`insight/filling` makes the files. Readers keep nothing open and lock nothing.
"""
