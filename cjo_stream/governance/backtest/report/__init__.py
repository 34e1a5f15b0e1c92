"""report.html: one page that opens from disk, without a network.

    parting    where the paths of changed groups part, counted
    page       the whole page, its sections in order
    table      tables that sort
    plot       plots, as inline SVG
    style      the style sheet and the script

Everything from definitions and records is escaped (`table.text`).
"""

from cjo_stream.governance.backtest.report.page import write_report

__all__ = ["write_report"]
