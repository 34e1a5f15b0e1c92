"""The in-process runtime: the engine's machines over a log of this process; no server.

`log` is the log, in memory or durable; `runtime` drives the tasks; `output` writes the files of a
run; `run` and `demo` implement the commands of those names; `definition` applies a set to a state
folder; `query` and `operator` answer an operator's questions and carry out commands on one;
`moving` exports its customer base, and makes a folder of an export.
"""
