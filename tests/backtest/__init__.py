"""Backtests of random single edits, held against a plain comparison of two runs.

    edit        a topology's folder with one random edit: delay, cap, gate, lever, consent, limit
    compared    what docs/backtest.md says of two runs, from their files alone, all in memory
    trial       one edit: two runs, a backtest, and whether they agree
    life        random changes of the lives of a set's journeys
    foretold    one change: its plan, the `apply`, and whether they agree of every customer:
                what is `told` of each, what `happened`, and what the sentences `said`

`compared` shares no code with `cjo_stream/governance`. `python -m tests.backtest --help`.
"""
