"""Train the melody stage: ``python -m composer.train.melody runs/pop909.npz -o runs/melody``."""

from __future__ import annotations

from composer.train.notes import main

if __name__ == "__main__":
    main("melody")
