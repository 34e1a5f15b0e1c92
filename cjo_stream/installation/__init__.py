"""What operators ask of a definition set at work, wherever it runs.

    port      the questions: of an installation, and of the records that it sent
    answer    what comes back, as data

The answers are given by `kafka` (an installation on a broker) and `embedded` (a state folder, the
results of a run). Who asks need not know which it is.
"""
