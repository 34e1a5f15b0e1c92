"""Drawings of reports, as inline SVG: texts and numbers in, an element out.

    canvas   shapes and texts, escaped
    series   a number over time
    funnel   a bar a step; other numbers as bars
    spectrum passages of a segment over time
    sankey   passages from column to column
    graph    states as cards in layers, and the passages between them
    layer    which layer each state of a graph is in, and in which order

Colours are classes of the style sheet (`insight/page/style`). No label overlaps another: each has
a place of its own in the layout.
"""
