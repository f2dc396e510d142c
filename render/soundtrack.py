"""Sound tracks of a film being written: encoding music and re-encoding the original sound to AAC."""

from __future__ import annotations

from fractions import Fraction

import av
import av.audio.resampler
import numpy as np
from scipy.signal import resample_poly

from render.audio import Audio
from render.errors import BadInput
from render.movie import AV_ERRORS

TRACK_RATE = 48_000
_FRAME_SAMPLES = 1024  # of an AAC frame
_LAYOUTS = frozenset({"mono", "stereo", "5.1"})


def as_track(audio: Audio, label: str) -> Audio:
    """``audio`` as 48 kHz stereo; mono goes to both sides. Raises BadInput for more than two channels."""
    samples = audio.samples
    if samples.shape[0] > 2:
        raise BadInput(f"{label}: {samples.shape[0]} channels; give music in mono or stereo")
    if audio.sample_rate != TRACK_RATE:
        ratio = Fraction(TRACK_RATE, audio.sample_rate).limit_denominator(1000)
        samples = resample_poly(samples, ratio.numerator, ratio.denominator, axis=1).astype(np.float32)
    if samples.shape[0] == 1:
        samples = np.repeat(samples, 2, axis=0)
    return Audio(np.ascontiguousarray(samples), TRACK_RATE)


class EncodedMusic:
    """Encodes ``music`` piece by piece, so that its packets lie beside the picture's in the file."""

    def __init__(self, sink, title: str, music: Audio, start_s: Fraction, bit_rate: int) -> None:
        self.stream = add_aac(sink, title, "stereo", bit_rate)
        self._sink = sink
        self._music = music
        self._start = round(start_s * TRACK_RATE)
        self._next = 0

    def until(self, time_s: float) -> None:
        """Write the music up to ``time_s`` on the film's timeline."""
        stop = min(self._music.length_samples, round(time_s * TRACK_RATE) - self._start)
        while self._next < stop:
            end = min(self._next + _FRAME_SAMPLES, self._music.length_samples)
            block = np.ascontiguousarray(self._music.samples[:, self._next : end])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.time_base = TRACK_RATE, Fraction(1, TRACK_RATE)
            frame.pts = self._start + self._next
            self._sink.mux(self.stream.encode(frame))
            self._next = end

    def finish(self) -> None:
        """Write what is left."""
        self.until(float(self._start + self._music.length_samples + 1) / TRACK_RATE)
        self._sink.mux(self.stream.encode(None))


class CopiedSound:
    """Copies a sound stream's packets; keeps their times rising."""

    def __init__(self, sink, template, title: str) -> None:
        self.stream = sink.add_stream_from_template(template, opaque=True)
        self.stream.metadata["title"] = self.stream.metadata["handler_name"] = title
        self.description = f"{template.codec_context.codec.canonical_name} copied"
        self._sink = sink
        self._last: int | None = None

    def take(self, packet, origin_s: Fraction) -> None:
        """Write ``packet``, moved so that ``origin_s`` becomes zero."""
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None:
            if self._last is None:
                return
            time = self._last + max(1, packet.duration or 1)
        else:
            time -= round(origin_s / packet.time_base)
        if self._last is not None:
            time = max(time, self._last + 1)
        packet.pts = packet.dts = self._last = time
        packet.stream = self.stream
        self._sink.mux(packet)

    def finish(self) -> None:
        """Nothing is left to write."""


class ReencodedSound:
    """Decodes a sound stream and encodes it to AAC; damaged packets are skipped and counted."""

    def __init__(self, sink, source, title: str, bit_rate: int) -> None:
        layout = source.codec_context.layout.name
        layout = layout if layout in _LAYOUTS else "stereo"
        self.stream = add_aac(sink, title, layout, bit_rate)
        self.description = f"{source.codec_context.codec.canonical_name} to aac"
        self.damaged_packets = 0
        self._sink = sink
        self._resampler = av.audio.resampler.AudioResampler("fltp", layout, TRACK_RATE, _FRAME_SAMPLES)
        self._last = -(1 << 62)

    def take(self, packet, origin_s: Fraction) -> None:
        """Decode ``packet`` and write what became complete, moved so that ``origin_s`` becomes zero."""
        try:
            frames = packet.decode()
        except AV_ERRORS:
            self.damaged_packets += 1
            return
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= round(origin_s / frame.time_base)
            for piece in self._resampler.resample(frame):
                self._encode(piece)

    def finish(self) -> None:
        """Write what is left."""
        for piece in self._resampler.resample(None):
            self._encode(piece)
        self._sink.mux(self.stream.encode(None))

    def _encode(self, piece) -> None:
        if piece.pts is None or piece.pts <= self._last:
            piece.pts = max(0, self._last + 1)
        self._last = piece.pts + piece.samples - 1
        self._sink.mux(self.stream.encode(piece))


def add_aac(sink, title: str, layout: str, bit_rate: int):
    """A new AAC stream in ``sink``."""
    stream = sink.add_stream("aac", rate=TRACK_RATE, layout=layout)
    stream.bit_rate = bit_rate
    stream.metadata["title"] = stream.metadata["handler_name"] = title
    return stream
