"""Pages that open from disk, without a network: HTML with all that it needs inside.

    table      tables, and text as HTML shows it
    style      the style sheets and the script
    document   the whole page, its sections and its boxes of numbers

Everything from definitions and records is escaped (`table.text`).
"""
