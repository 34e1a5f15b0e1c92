"""A customer base leaves an installation on Kafka, and arrives in another.

    leaving     the export of an installation that is at rest
    kept        the newest state of each partition: a checkpoint, or a folder on this machine
    source      the topics of events: how far they were read, where the new installation goes on
    closing     the old installation is closed, so that nobody goes on there, too
    arriving    the import into an installation that has just been made

What an export holds is described in `store/export.py` and `installation/customer_base.py`, what
becomes of a task's store in `engine/moving.py`.
"""
