"""Friction: places where customers fare worse than customers did there before.

    rate      a rate over hours against its baseline: chance, change point, end; pure
    rank      how long waits were against their baseline: a rank test; pure
    hazard    who leaves, of those who could: rates of waits that have not ended yet; pure
    event     the events of a layer in memory, by customer and time: how often, after which
    span      the hours of a layer
    line      what waits at a place; waits from an event for another one
    stay      stays in a state
    skip      events before which the one is missing that nearly always precedes them
    series    what is watched at each place, as counts by hour, from a layer
    watch     the looks at all series, each full hour of stream time: alarms
    shown     the customers in whom an alarm shows, an example path, the value lost
    finding   findings, ranked, each with its sentence

Alarms depend on no record behind the hour in which they are raised.
"""
