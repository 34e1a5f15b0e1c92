"""report.html: one page that opens from disk, without a network.

    parting    where the paths of changed groups part, counted
    page       the whole page, its sections in order
    plot       plots, as inline SVG

Tables and the page itself are those of `insight/page`.
"""

from cjo_stream.governance.backtest.report.page import write_report

__all__ = ["write_report"]
