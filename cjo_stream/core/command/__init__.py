"""The commands sent to a customer, and their outcomes.

    history      the commands that caps, limits and outcomes need
    coverage     which commands a cap or a limit covers
    cap, limit   counts over the history
    outcome      joins an outcome to its command
    window       a command's reward window -> one reward record

`core/decision` chooses which command is sent.
"""
