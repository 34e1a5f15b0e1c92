"""Figures: each is the length of a list that can be opened.

A figure's list is a query of its own (`*.sql`). The figure counts the rows of that list by its key
columns, so the two cannot disagree.

    figure        the figures, and how each counts its list
    funnel        the same for steps in order, which SQL says badly
    attribution   conversions credited to commands: the list has credits, the figure their sums
    incremental   what holdouts measured, beside attribution
    attribute     a number that events carry, and the events without it
    place         numbers by where their customers were: `satisfaction`, `worth`
    retention     customers by the period of their first event, and of later ones
    interval      95 % intervals as SQL
    purchase      purchases by customer, and the list of their value
"""
