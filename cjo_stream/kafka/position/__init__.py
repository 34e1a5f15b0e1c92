"""The positions of stages and workers in their logs, and whether a log is still the same.

    position   committed positions, their copies, and where to go on
    loss       records that the broker lost
    folder     the state folders of workers
    redriven   dead letters that were sent again
    clock      clocks that an operator let pass

All of it is stored in the committed offsets or in the cursor topic.
"""
