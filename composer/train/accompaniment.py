"""Train the accompaniment stage: ``python -m composer.train.accompaniment runs/pop909.npz -o runs/accompaniment``."""

from __future__ import annotations

from composer.train.notes import main

if __name__ == "__main__":
    main("accompaniment")
