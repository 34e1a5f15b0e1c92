"""Reports that people read: what figures say, as sentences, tables and drawings.

    content    what a report consists of, as data: the terminal, JSON and HTML show the same
    asking     figures as rows, each with the command that opens its list
    word       times, spans and shares in words
    compare    two periods, two versions, treated and held out
    measure    the section on measures
    journeys   people in journeys, goals, ways, and a map of each journey
    customer  who comes again, and what journeys are worth
    attribution, friction, value, leadership   the other reports
    html       the page

A report counts nothing itself: its numbers are rows of figures (`insight/figure`).
"""
