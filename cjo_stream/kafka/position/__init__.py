"""Where a stage or a worker stands in a log, and whether that log is still the same.

    position   committed positions, their copies, and where to go on
    loss       records that the broker lost
    folder     which state folders workers have
    clock      clocks that an operator let pass

All of it stands in the committed offsets or in the cursor topic.
"""
