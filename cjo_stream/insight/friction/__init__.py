"""Friction: places where customers fare worse than customers did there before.

    rate      a rate over hours against its baseline: chance, change point, end; pure
    hazard    who leaves, of those who could: rates of waits that have not ended yet; pure
    series    what is watched at each place, as counts by hour, from a layer
    watch     the looks at all series, each full hour of stream time: alarms
    shown     the customers in whom an alarm shows, an example path, the value lost
    finding   findings, ranked, each with its sentence

Alarms depend on no record behind the hour in which they are raised.
"""
