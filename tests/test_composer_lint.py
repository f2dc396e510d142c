"""``framescore lint``: one made file for every rule, and our own files, which keep all of them."""

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_builders import film_cues, make_music

from composer import cli
from composer.lint import MAX_ALIKE, lint
from composer.lint_rules import RULES, Finding
from composer.lint_view import BarGrid, Metre
from composer.midi import midi_bytes
from composer.midi_file import write_midi_file
from composer.orchestrate import orchestrate
from composer.palettes import PALETTES
from composer.smf import MidiFile, MidiTrack, OtherChunk, SmfError, parse_smf

END = 3840  # two bars of 4/4
BAR, BEAT = 1920, 480
Message = tuple[int, bytes]


def meta(tick: int, kind: int, data: bytes | str) -> Message:
    return tick, bytes((0xFF, kind)) + (data.encode() if isinstance(data, str) else data)


def tempo(tick: int, bpm: float) -> Message:
    return meta(tick, 0x51, round(60e6 / bpm).to_bytes(3, "big"))


def metre(tick: int, numerator: int, power: int) -> Message:
    return meta(tick, 0x58, bytes((numerator, power, 24, 8)))


def note(start: int, stop: int, pitch: int = 60, channel: int = 0) -> list[Message]:
    return [(start, bytes((0x90 | channel, pitch, 80))), (stop, bytes((0x80 | channel, pitch, 0)))]


def setup(program: int = 0, channel: int = 0, tick: int = 0) -> list[Message]:
    head = 0xB0 | channel
    return [(tick, bytes(message)) for message in ((0xC0 | channel, program), (head, 7, 100), (head, 10, 64))]


def track(*messages: Message | Iterable[Message], end: int = END) -> MidiTrack:
    flat = [one for part in messages for one in ([part] if isinstance(part, tuple) else part)]
    return MidiTrack(tuple(sorted(flat, key=lambda message: message[0])), end)


CONDUCTOR = (
    meta(0, 0x03, "Cue"),
    meta(0, 0x54, b"\x21\0\0\0\0"),
    metre(0, 4, 2),
    tempo(0, 100),
    meta(0, 0x59, b"\0\0"),
    meta(0, 0x06, "A"),
)
PIANO = track(meta(0, 0x03, "Piano"), setup(), note(0, 960), note(960, END, 64))
BASS = track(meta(0, 0x03, "Electric Bass"), setup(33, 1), note(0, END, 36, 1))


def conducted(*more: Message, without: int = 0, parts: tuple[MidiTrack, ...] = (PIANO, BASS)) -> MidiFile:
    """A file with ``more`` on its conductor, and without metas of the type ``without``."""
    kept = [message for message in CONDUCTOR if message[1][1] != without]
    return MidiFile(1, 480, (track(kept, list(more)), *parts))


def with_part(*messages: Message | Iterable[Message], name: str = "Part") -> MidiFile:
    """A file with one part more; on channel 3 where ``messages`` say so."""
    return conducted(parts=(PIANO, track(meta(0, 0x03, name), *messages)))


CLEAN = conducted()
TWO_CHANNELS = track(setup(), setup(0, 1), note(0, 480), note(0, 480, 64, 1))
MANY = tuple(track(meta(0, 3, f"T{n}"), setup(89, n % 9), note(0, 480, 60, n % 9)) for n in range(17))

# Rule -> a file that breaks it, and the track, bar and beat where.
CASES: dict[str, tuple[MidiFile, tuple[str, int | None, float | None]]] = {
    "type-0-parts": (MidiFile(0, 480, (TWO_CHANNELS,)), ("", None, None)),
    "type-0": (MidiFile(0, 480, (PIANO,)), ("", None, None)),
    "division": (replace(CLEAN, ticks_per_beat=220), ("", None, None)),
    "other-chunk": (replace(CLEAN, other_chunks=(OtherChunk(0, b"XFIH", b""),)), ("", None, None)),
    "no-notes": (conducted(parts=()), ("", None, None)),
    "many-parts": (conducted(parts=MANY), ("", None, None)),
    "conductor-notes": (conducted(*note(960, END)), ("Cue", 1, 3)),
    "conductor-name": (conducted(without=0x03), ("conductor", None, None)),
    "off-conductor": (with_part(setup(89, 2), tempo(BAR, 100), note(0, END, 60, 2)), ("Part", 2, 1)),
    "tempo-missing": (conducted(tempo(BAR, 100), without=0x51), ("", None, None)),
    "tempo-value": (conducted(tempo(BAR, 500)), ("conductor", 2, 1)),
    "tempo-off-bar": (conducted(tempo(BAR + BEAT, 102)), ("conductor", 2, 2)),
    "tempo-step": (conducted(tempo(BAR, 110)), ("conductor", 2, 1)),
    "tempo-after-notes": (conducted(tempo(2 * BAR + BAR, 101)), ("conductor", 4, 1)),
    "metre-missing": (conducted(without=0x58), ("", None, None)),
    "metre-value": (conducted(metre(BAR, 0, 2)), ("conductor", 2, 1)),
    "metre-off-bar": (conducted(metre(BAR + BEAT, 3, 2)), ("conductor", 3, 1)),
    "key-value": (conducted(meta(BAR, 0x59, b"\x0a\0")), ("conductor", 2, 1)),
    "offset-missing": (conducted(without=0x54), ("", None, None)),
    "offset-late": (conducted(meta(BAR, 0x54, b"\x21\0\0\0\0"), without=0x54), ("conductor", 2, 1)),
    "offset-value": (conducted(meta(0, 0x54, b"\x39\0\0\0\0"), without=0x54), ("conductor", 1, 1)),
    "marker-text": (conducted(meta(BAR, 0x06, "Tür")), ("conductor", 2, 1)),
    "marker-long": (conducted(meta(BAR, 0x06, "x" * 61)), ("conductor", 2, 1)),
    "marker-empty": (conducted(meta(BAR, 0x06, "")), ("conductor", 2, 1)),
    "cue-alone": (conducted(meta(BAR, 0x07, "H001 CUT")), ("conductor", 2, 1)),
    "lyrics": (with_part(setup(89, 2), meta(BEAT, 0x05, "la"), note(0, END, 60, 2)), ("Part", 1, 2)),
    "channels": (
        with_part(setup(89, 2), setup(89, 3), note(0, END, 60, 2), note(960, END, 60, 3)),
        ("Part", 1, 1),
    ),
    "programs": (
        with_part(setup(89, 2), note(0, END, 60, 2), (BAR, b"\xc2\x5e")),
        ("Part", 2, 1),
    ),
    "shared-channel": (with_part(setup(89, 0), note(BAR, END)), ("Part", 2, 1)),
    "shared-mixer": (with_part(setup(0, 0), note(BAR, END, 70)), ("Part", 2, 1)),
    "port": (with_part(setup(89, 2), meta(0, 0x21, b"\1"), note(0, END, 60, 2)), ("Part", 1, 1)),
    "program-missing": (with_part(setup(0, 2)[1:], note(BEAT, END, 60, 2)), ("Part", 1, 2)),
    "mixer-missing": (with_part(setup(89, 2)[:2], note(BEAT, END, 60, 2)), ("Part", 1, 2)),
    "setup-late": (with_part(setup(89, 2, BEAT), note(960, END, 60, 2)), ("Part", 1, 2)),
    "drums-elsewhere": (with_part(setup(0, 2), note(0, END, 60, 2), name="Drums"), ("Drums", 1, 1)),
    "not-drums": (with_part(setup(73, 9), note(0, END, 72, 9), name="Flute"), ("Flute", 1, 1)),
    "range": (with_part(setup(73, 2), note(BAR, END, 59, 2), name="Flute"), ("Flute", 2, 1)),
    "range-guess": (with_part(setup(73, 2), note(BAR, END, 59, 2)), ("Part", 2, 1)),
    "zero-length": (with_part(setup(89, 2), note(BAR, BAR, 60, 2)), ("Part", 2, 1)),
    "hanging": (with_part(setup(89, 2), note(BAR, END, 60, 2)[:1]), ("Part", 2, 1)),
    "overlap": (with_part(setup(89, 2), note(0, END, 60, 2), note(BAR, END, 60, 2)), ("Part", 2, 1)),
    "stray-off": (with_part(setup(89, 2), note(0, END, 60, 2), (BAR, b"\x82\x3d\0")), ("Part", 2, 1)),
    "controller-late": (with_part(setup(89, 2), note(0, END, 60, 2), (2 * BAR + BAR, b"\xb2\x0b\1")), ("Part", 4, 1)),
    "track-unnamed": (with_part(setup(89, 2), note(0, END, 60, 2), name=""), ("track 3", None, None)),
    "track-name-twice": (
        with_part(setup(0, 2), note(0, END, 60, 2), name="Piano"),
        ("track 2 (Piano)", None, None),
    ),
    "sysex": (with_part(setup(89, 2), (0, b"\xf0\x7e\x7f\x09\x01\xf7"), note(0, END, 60, 2)), ("Part", 1, 1)),
}  # fmt: skip

# What else a case breaks, as it cannot but do.
BESIDES = {
    "type-0-parts": {"track-unnamed", "tempo-missing", "metre-missing", "offset-missing", "mixer-missing"},
    "type-0": {"tempo-missing", "metre-missing", "offset-missing"},
    "many-parts": {"shared-mixer"},
    "conductor-notes": {"program-missing", "mixer-missing", "shared-channel"},
    "tempo-value": {"tempo-step"},
}


def test_every_rule_has_a_case():
    assert CASES.keys() == RULES.keys()


def test_the_file_that_the_cases_start_from_is_clean():
    assert lint(CLEAN) == ()


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_what_breaks_it(rule):
    file, (where, bar, beat) = CASES[rule]
    findings = [finding for finding in lint(file) if finding.rule == rule]
    assert findings, lint(file)
    first = findings[0]
    assert (first.track, first.bar, first.beat) == (where, bar, beat)
    assert first.level == RULES[rule].level
    line = str(first)
    assert "\n" not in line
    assert line.startswith(f"{first.level}: ")
    assert line.endswith(RULES[rule].remedy)
    assert RULES[rule].suffers in line


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_little_else(rule):
    others = {finding.rule for finding in lint(CASES[rule][0])} - {rule}
    assert others <= BESIDES.get(rule, set())


@pytest.mark.parametrize("style", sorted(PALETTES))
def test_our_own_files_are_clean(style):
    cues = film_cues(style)
    lead, accompaniment = make_music(cues, 3)
    file = parse_smf(midi_bytes(orchestrate(lead, accompaniment, cues)))
    assert [str(finding) for finding in lint(file)] == []


def test_what_pretty_midi_leaves_out_is_said():
    pretty_midi = pytest.importorskip("pretty_midi")
    cues = film_cues("full-orchestra")
    lead, accompaniment = make_music(cues, 3)
    saved = io.BytesIO()
    pretty_midi.PrettyMIDI(io.BytesIO(midi_bytes(orchestrate(lead, accompaniment, cues)))).write(saved)
    assert {"offset-missing", "conductor-name"} <= {f.rule for f in lint(parse_smf(saved.getvalue()))}


def test_findings_alike_are_counted():
    notes = [one for beat in range(20) for one in note(beat * 96, beat * 96, 60, 2)]
    findings = lint(with_part(setup(89, 2), notes))
    assert {finding.rule for finding in findings} == {"zero-length"}
    assert [finding.more for finding in findings] == [0] * (MAX_ALIKE - 1) + [20 - MAX_ALIKE]
    assert "(and 12 more like it)" in str(findings[-1])


def test_errors_come_first_then_by_track_and_place():
    file = conducted(
        tempo(BAR, 120), parts=(BASS, track(meta(0, 3, "X"), note(BAR, END), note(0, 0), note(BEAT, END)))
    )
    findings = lint(file)
    errors = [finding.level == "error" for finding in findings]
    assert errors == sorted(errors, reverse=True)
    assert [(f.rule, f.bar, f.beat) for f in findings if f.track == "X" and f.level == "error"] == [
        ("program-missing", 1, 1),
        ("zero-length", 1, 1),
        ("overlap", 2, 1),
    ]


@pytest.mark.parametrize(
    ("name", "program", "channel", "rules"),
    [
        ("Steel Drums", 114, 2, set()),
        ("Taiko", 116, 2, set()),
        ("Timpani", 47, 2, set()),
        ("Drum Kit", 0, 9, set()),
        ("Percussion", 0, 9, set()),
        ("Percussion", 0, 2, {"drums-elsewhere"}),
        ("Drum Kit", 0, 2, {"drums-elsewhere"}),
        ("Flute (melody)", 73, 9, {"not-drums"}),
        ("Something", 0, 9, set()),
    ],
)
def test_who_is_a_drummer(name, program, channel, rules):
    found = lint(with_part(setup(program, channel), note(0, END, 50, channel), name=name))
    assert {finding.rule for finding in found} & {"drums-elsewhere", "not-drums"} == rules


def test_the_role_of_a_part_tells_where_its_name_does_not():
    role = meta(0, 0x01, "role=percussion")
    assert "drums-elsewhere" in {f.rule for f in lint(with_part(role, setup(4, 2), note(0, END, 60, 2)))}
    role = meta(0, 0x01, "role=melody")
    assert "not-drums" in {f.rule for f in lint(with_part(role, setup(0, 9), note(0, END, 60, 9)))}


def test_a_repeated_note_is_no_overlap_but_one_that_starts_before_the_end_is():
    on, off = b"\x92\x3c\x50", b"\x82\x3c\0"
    fine = with_part(setup(89, 2), [(0, on), (BAR, off), (BAR, on), (END, off)])
    assert lint(fine) == ()
    crossed = with_part(setup(89, 2), [(0, on), (BAR, on), (BAR, off), (END, off)])
    assert [finding.rule for finding in lint(crossed)] == ["overlap"]


def test_places_are_bars_and_beats_of_the_metre():
    grid = BarGrid([Metre(0, 3, 4), Metre(2 * 3 * 480, 6, 8), Metre(2 * 1440 + 1440 + 480, 4, 4)], 480)
    assert grid.place(0) == (1, 1)
    assert grid.place(480 * 5 + 240) == (2, 3.5)
    assert grid.place(2 * 1440 + 240) == (3, 2)
    assert [(metre.numerator, beat) for metre, beat in grid.off_bar] == [(4, 3)]
    assert grid.place(2 * 1440 + 1440 + 480) == (5, 1)
    assert grid.is_bar_line(2 * 1440 + 1440)
    assert not grid.is_bar_line(2 * 1440 + 1440 + 479)


def test_a_metre_of_another_track_counts_for_places_too():
    file = with_part(setup(89, 2), metre(0, 3, 2), note(1440, 1440, 60, 2))
    assert ("zero-length", 2, 1) in [(f.rule, f.bar, f.beat) for f in lint(file)]


def test_names_stay_on_one_line_and_short():
    file = with_part(note(0, 0), name="a\nb\x1b[31m" + "c" * 100)
    for finding in lint(file):
        assert str(finding).isprintable()
        assert len(finding.track) < 60


@given(st.binary(max_size=200), st.integers(0, 1))
def test_whatever_is_read_can_be_linted(body, kind):
    head = b"MThd\0\0\0\6\0" + bytes((kind,)) + b"\0\1\0\x60"
    chunk = b"MTrk" + len(body).to_bytes(4, "big") + body
    try:
        file = parse_smf(head + chunk + chunk)
    except SmfError:
        return
    assert all(str(finding).isprintable() for finding in lint(file))


def test_the_shared_files_are_linted(shared_data):
    linted = 0
    for path in sorted((shared_data / "bad" / "midi").iterdir()):
        try:
            file = parse_smf(path.read_bytes())
        except SmfError:
            continue
        assert all(isinstance(finding, Finding) for finding in lint(file))
        linted += 1
    assert linted >= 20


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, list[str], str]]:
    """Runs ``framescore lint`` on a file and gives the exit code, the lines on stderr, and stdout."""

    def run(file: MidiFile | bytes, *arguments: str) -> tuple[int, list[str], str]:
        path = tmp_path / "score.mid"
        if isinstance(file, bytes):
            path.write_bytes(file)
        else:
            write_midi_file(file, path)
        code = cli.run(cli.make_parser().parse_args(["lint", str(path), *arguments]))
        written = capsys.readouterr()
        return code, written.err.splitlines(), written.out

    return run


def test_the_command_ends_well_without_errors(command):
    code, lines, out = command(CLEAN)
    assert (code, len(lines), out) == (0, 1, "")
    assert lines[0].endswith("score.mid: no errors, no advice")
    code, lines, _ = command(CASES["division"][0])
    assert (code, len(lines)) == (0, 2)
    assert lines[1].endswith("score.mid: no errors, 1 advice")


def test_the_command_fails_with_errors(command):
    code, lines, _ = command(CASES["hanging"][0])
    assert code == 3
    assert lines[0].startswith("error: Part, bar 2 beat 1: C4 is never released; ")
    assert lines[1].endswith("score.mid: 1 error, no advice")
    code, lines, _ = command(CASES["hanging"][0], "--quiet")
    assert (code, len(lines)) == (3, 1)
    assert lines[0].startswith("framescore: error: Part, bar 2")


def test_the_command_tells_machines(command):
    code, _, out = command(CASES["zero-length"][0], "--json")
    data = json.loads(out)
    assert (code, data["errors"], data["advice"]) == (3, 1, 0)
    assert data["findings"][0]["rule"] == "zero-length"
    assert {"level", "track", "bar", "beat", "what", "suffers", "remedy", "more"} < set(data["findings"][0])
    assert len(data["input"]["sha256"]) == 64


def test_the_command_refuses_what_is_no_midi_file(command, tmp_path, capsys):
    code, lines, out = command(b"no midi", "--json")
    assert (code, len(lines)) == (3, 1)
    assert "not a MIDI file" in lines[0]
    assert json.loads(out)["exit_code"] == 3
    assert cli.run(cli.make_parser().parse_args(["lint", str(tmp_path / "none.mid")])) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1
