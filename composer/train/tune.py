"""Tune how the networks are drawn from: ``python -m composer.train.tune runs/open.npz --runs runs/open``.

Nucleus sizes are tuned on the songs for tuning, never on the held-out ones: pieces are generated on their frames, and
each round moves the sizes of the plan, of places and of pitches by what V-MusProd's five statistics say is too narrow
or too wide. The round whose farthest statistic lies nearest to the songs is kept, in ``draws.json`` in the run folder,
and goes from there into the model cards.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from composer.models.sampling import Draw
from composer.train import loop
from composer.train.pieces import STAGES, Network, bare, compare, piece_of, write_pieces
from composer.train.song import songs_to_compare
from composer.train.songs import frame_of

LOWEST, HIGHEST = 0.80, 1.0
PITCH_GUIDANCE = 0.6  # of the guidance on places
STEP = 0.02  # of a nucleus, for a distance of half a deviation


@dataclass(frozen=True)
class Nuclei:
    """The sizes; ``plan``, ``place`` and ``pitch``, which serves chords too, are tuned."""

    plan: float = 0.95
    place: float = 0.96
    pitch: float = 0.96
    duration: float = 0.96
    velocity: float = 0.95

    def draws(self, guidance: float = 0.0) -> dict[str, tuple[Draw, ...]]:
        """How each stage draws its attributes. ``guidance`` strengthens the plan of the accompaniment: in full where
        notes begin and how loud they are, in part their pitch, for there it costs chord tones."""
        notes = tuple(Draw(p) for p in (self.place, self.pitch, self.duration, self.velocity))
        shares = (1.0, PITCH_GUIDANCE, 0.0, 1.0)
        return {
            "chords": (*(Draw(self.plan),) * 4, Draw(self.pitch)),
            "melody": notes,
            "accompaniment": tuple(
                replace(draw, guidance=share * guidance) for draw, share in zip(notes, shares, strict=True)
            ),
        }


def moved(nuclei: Nuclei, distance: dict[str, float]) -> Nuclei:
    """The next round: too many pitches ask for a smaller pitch nucleus, too many empty beats for a smaller one of the
    plan, too long intervals between onsets for a larger one of places."""
    pitch = (distance["PE"] + distance["PCE"] - distance["SC"]) / 3

    def by(size: float, amount: float) -> float:
        return float(np.clip(size - 2 * STEP * np.clip(amount, -1, 1), LOWEST, HIGHEST))

    return replace(
        nuclei,
        pitch=by(nuclei.pitch, pitch),
        plan=by(nuclei.plan, distance["EBR"]),
        place=by(nuclei.place, -distance["IOI"]),
    )


def write_draws(draws: dict[str, tuple[Draw, ...]], runs: Path) -> None:
    """Keep the draws of every stage in a run folder."""
    content = {stage: [asdict(draw) for draw in draws[stage]] for stage in STAGES}
    (runs / "draws.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_draws(runs: Path) -> dict[str, tuple[Draw, ...]]:
    """What `write_draws` wrote; the untuned draws where nothing was tuned."""
    path = runs / "draws.json"
    if not path.is_file():
        return Nuclei().draws()
    content = json.loads(path.read_text(encoding="utf-8"))
    return {stage: tuple(Draw(**draw) for draw in content[stage]) for stage in STAGES}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("songs", type=Path)
    parser.add_argument("--runs", type=Path, required=True, help="holds chords/, melody/, accompaniment/")
    parser.add_argument("--pieces", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--guidance", type=float, default=0.75, help="on the accompaniment's plan")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    songs = songs_to_compare(args.songs, "tuning")
    real = [piece_of(song) for song in songs]
    frames = [bare(frame_of(songs[i % len(songs)])) for i in range(args.pieces)]
    decoders = {stage: loop.load_average(args.runs / stage)[0] for stage in STAGES}
    nuclei, best = Nuclei(), np.inf
    for _ in range(args.rounds):
        draws = nuclei.draws(args.guidance)
        networks = {stage: Network(decoders[stage], draws[stage]) for stage in STAGES}
        found = compare(write_pieces(networks, frames, args.seed), real)["statistics"]
        distance = {name: row["distance in deviations"] for name, row in found.items()}
        print(json.dumps({**asdict(nuclei), **distance}), flush=True)
        farthest = max(abs(value) for value in distance.values())
        if farthest < best:
            best = farthest
            write_draws(draws, args.runs)
        nuclei = moved(nuclei, distance)


if __name__ == "__main__":
    main()
