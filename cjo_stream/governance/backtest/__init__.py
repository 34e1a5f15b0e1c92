"""A backtest: two definition sets over the same events, customer by customer.

    files ─┬─ side: run of LIVE      ─ trace, tally ─┐
           └─ side: run of CANDIDATE ─ trace, tally ─┴─ group ─ comparison ─ result ─ report

    side         one set's run in a process of its own, and what is kept of it
    pair         the two processes: started, watched, stopped
    trace        a run's records -> per customer a digest of each sequence; on disk, each place
    tally        a run's records -> its numbers: actions by hour, caps, goals, outcomes, value
    group        the customers of both sides, grouped over their identifiers
    comparison   groups and traces -> the changed groups, each with the place where it parts
    cause        why a group changed: the edited lines; learnt propensity alone
    result       what is written: changes.jsonl and summary.json
    run          the whole: from two sets and files of events to a folder of results
    effect       the largest effects, in sentences
    report/      report.html

The records of a run stay on disk. In memory there is, of each customer, a digest of each of its
sequences. Only where digests differ are the places read again, and only where the sequences part
are two records read whole.
"""
