"""The worker: a Faust app that runs one task for each partition assigned to it.

    process      the whole process, in order of start
    faust        everything that uses Faust
    assignment   the partitions of this process
    partition    the life of one partition
    state        its folder and checkpoints
    register     the record of all folders of the worker's slot
    report       the worker's metrics

The engine defines how a task works.
"""
