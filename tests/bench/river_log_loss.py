"""River's logistic regression on Open Bandit: the yardstick of our posterior's log loss.

River (https://riverml.xyz, BSD-3) is not among our dependencies: it brings NumPy and SciPy. Its
figures are kept in river_log_loss.json, which this writes again where river is installed:

    python -m tests.bench.river_log_loss
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from tests.acceptance.open_bandit import FEATURES, FILES, rows

RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
FIGURES = Path(__file__).with_suffix(".json")


def log_loss(name: str, rate: float) -> float:
    """Return the mean loss of predicting each click before learning it."""
    from river import linear_model, optim

    model = linear_model.LogisticRegression(optimizer=optim.SGD(rate), intercept_lr=rate)
    total = number = 0.0
    for row in rows(name):
        present = {f"{feature}={row[feature]}": 1 for feature in FEATURES}
        clicked = row["click"] == "1"
        p = min(max(model.predict_proba_one(present)[True], 1e-9), 1 - 1e-9)
        total -= math.log(p if clicked else 1 - p)
        number += 1
        model.learn_one(present, clicked)
    return total / number


def main() -> None:
    """Write the figures: by file, then by learning rate; 0.01 is river's default."""
    import river

    losses = {f: {str(rate): round(log_loss(f, rate), 6) for rate in RATES} for f in FILES}
    figures = {"river": river.__version__, "log_loss": losses}
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
