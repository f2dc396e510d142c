#!/bin/sh
# Installs the FluidSynth library and a General MIDI SoundFont with the system's package manager.
# Does nothing, quickly, where both are there. Needs administrator's rights (sudo) except with Homebrew.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

have_library() {
    for folder in /usr/lib /usr/lib64 /usr/local/lib /usr/lib/*-linux-gnu* /opt/homebrew/lib /opt/local/lib; do
        for file in "$folder"/libfluidsynth.so.[23]* "$folder"/libfluidsynth*.dylib; do
            if [ -e "$file" ]; then return 0; fi
        done
    done
    return 1
}

have_font() {
    if [ -n "${FRAMESCORE_SOUNDFONT:-}" ] && [ -f "$FRAMESCORE_SOUNDFONT" ]; then return 0; fi
    for folder in "$here" "$HOME/.local/share/soundfonts" "$HOME/.local/share/sounds/sf2" \
        "$HOME/Library/Audio/Sounds/Banks" /usr/share/sounds/sf2 /usr/share/sounds/sf3 /usr/share/soundfonts \
        /usr/local/share/soundfonts /usr/local/share/sounds/sf2 /opt/homebrew/share/soundfonts \
        /opt/homebrew/share/sounds/sf2 /opt/local/share/sounds/sf2 /opt/local/share/soundfonts \
        /usr/local/share/fluid-synth/sf2 /opt/homebrew/share/fluid-synth/sf2 \
        /usr/local/opt/fluid-synth/share/fluid-synth/sf2 /opt/homebrew/opt/fluid-synth/share/fluid-synth/sf2; do
        for file in "$folder"/*.sf2 "$folder"/*.sf3; do
            if [ -f "$file" ]; then return 0; fi
        done
    done
    return 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "install.sh: needs root: run as root: $*" >&2
        exit 4
    fi
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

install_with_apt() {
    library=libfluidsynth3
    echo "installing FluidSynth and the FluidR3 SoundFont with apt-get"
    if ! apt_install "$library" fluid-soundfont-gm; then
        as_root apt-get update -q
        if ! apt-cache show "$library" >/dev/null 2>&1; then library=libfluidsynth2; fi
        apt_install "$library" fluid-soundfont-gm
    fi
}

install_with_brew() {
    echo "installing FluidSynth with Homebrew"
    brew install fluid-synth
    echo "Homebrew has no General MIDI SoundFont: put FluidR3_GM.sf2 into $here for a real orchestra (see README.md)"
}

if have_library && have_font; then
    exit 0
fi
if command -v apt-get >/dev/null 2>&1; then
    install_with_apt
elif command -v dnf >/dev/null 2>&1; then
    echo "installing FluidSynth and the FluidR3 SoundFont with dnf"
    as_root dnf install -y fluidsynth-libs fluid-soundfont-gm
elif command -v pacman >/dev/null 2>&1; then
    echo "installing FluidSynth and the FluidR3 SoundFont with pacman"
    as_root pacman -S --needed --noconfirm fluidsynth soundfont-fluid
elif command -v brew >/dev/null 2>&1; then
    install_with_brew
elif command -v port >/dev/null 2>&1; then
    echo "installing FluidSynth and the FluidR3 SoundFont with MacPorts"
    as_root port -N install fluidsynth fluid-soundfont
else
    echo "install.sh: no known package manager (apt-get, dnf, pacman, brew, port): install the FluidSynth library," >&2
    echo "install.sh: version 2 or newer, and put a General MIDI SoundFont (.sf2) into $here" >&2
    exit 4
fi
if ! have_library || ! have_font; then
    echo "install.sh: the packages were installed, but the library or a SoundFont is still not where it is looked up;" >&2
    echo "install.sh: put a General MIDI SoundFont (.sf2) into $here" >&2
    exit 4
fi
