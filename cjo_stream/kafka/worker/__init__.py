"""The worker: a Faust app that hosts one task for each partition it is given.

`process.run` is the whole of it, in order of start; `host` all that knows Faust; `hosting` which
partitions this process has; `partition` the life of one, `state` its folder and checkpoints;
`slot` the process's own place. The rules by which a task works are the engine's.
"""
