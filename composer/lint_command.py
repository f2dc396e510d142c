"""``framescore lint``: what a MIDI file will lose in a DAW, one line a finding.

Text goes to stderr as everywhere, the data with ``--json`` to stdout. Exit codes: 0 without errors (advice is
allowed), 3 with them.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from composer import __version__
from composer.errors import BadInput
from composer.lint import lint as findings_of
from composer.midi_file import read_midi_file
from composer.output import sha256_of
from composer.terminal import Console


def lint(options: Namespace, console: Console) -> int:
    """Run the command. Raises BadInput where the file cannot be read."""
    findings = findings_of(read_midi_file(options.midi))
    errors = sum(finding.level == "error" for finding in findings)
    for finding in findings:
        if console.quiet and finding.level == "error":
            console.error(str(finding))
        else:
            console.say(str(finding))
    console.say(
        f"{options.midi}: {_counted(errors, 'error')}, {_counted(len(findings) - errors, 'advice', '')}"
    )
    console.result(
        {
            "version": __version__,
            "input": {"file": str(options.midi), "sha256": sha256_of(options.midi)},
            "errors": errors,
            "advice": len(findings) - errors,
            "findings": [asdict(finding) for finding in findings],
        }
    )
    return BadInput.exit_code if errors else 0


def _counted(count: int, noun: str, plural: str = "s") -> str:
    return f"{count or 'no'} {noun}{plural if count != 1 else ''}"
