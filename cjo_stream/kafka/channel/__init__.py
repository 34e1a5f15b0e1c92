"""Commands as a channel takes them: a member of a group that answers them out of order.

reached     how far a partition is answered, and the metadata that says so
heeding     which partitions heed the holds of operators
taker       the member: reads commands, commits behind what is answered

What becomes of a command is not decided here.
"""
