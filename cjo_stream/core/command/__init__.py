"""What was sent to a customer, and what came of it.

    history      the commands that caps, limits and outcomes ask for
    coverage     which commands a cap or a limit is about
    cap, limit   what the policy counts in the history
    outcome      an outcome finds its command
    window       a command's reward window -> one reward record

Which command is sent is the decision room's (`core/decision`).
"""
