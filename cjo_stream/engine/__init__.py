"""The engine: ordered steps over one partition's log. Knows no broker, no file, no wall clock.

`intake` turns raw records into frames, `task` is the deterministic state machine of one partition,
`dispatch` turns effect frames into records. `frame` and `lane` describe what travels between them,
`port` what they need from a runtime. Both runtimes (`kafka`, `embedded`) and the simulation drive
these three machines.
"""
