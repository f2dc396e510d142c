#!/bin/sh
# Makes a virtual environment with pip in it: venv.sh FOLDER [PYTHON]
# Takes the first Python that is new enough and can; Debian and Ubuntu ship a Python that cannot, so there the missing
# package is installed. Says in one line what to do where nothing helps.
set -u
folder=${1:?usage: venv.sh FOLDER [PYTHON]}
wanted=${2:-}

is_new_enough() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

is_complete() {
    [ -x "$folder/bin/python" ] && is_new_enough "$folder/bin/python" && "$folder/bin/python" -m pip --version >/dev/null 2>&1
}

make_with() {
    rm -rf "$folder"
    "$@" >/dev/null 2>&1 && is_complete
}

is_complete && exit 0
pythons=""
for python in ${wanted:-python3.13 python3.12 python3.11 python3 python3.14}; do
    is_new_enough "$python" && pythons="$pythons $python"
done
if [ -z "$pythons" ]; then
    echo "framescore needs Python 3.11 or newer; install it (Debian/Ubuntu: apt-get install python3 python3-venv," \
        "macOS: brew install python@3.12) or name one: make PYTHON=/path/to/python3" >&2
    exit 4
fi
for python in $pythons; do
    make_with "$python" -m venv "$folder" && exit 0
done
for python in $pythons; do
    make_with "$python" -m virtualenv "$folder" && exit 0
    make_with uv venv --seed --python "$python" "$folder" && exit 0
done
root=""
[ "$(id -u)" -eq 0 ] || root="sudo"
if command -v apt-get >/dev/null 2>&1 && { [ -z "$root" ] || command -v sudo >/dev/null 2>&1; }; then
    for python in $pythons; do
        package=$("$python" -c 'import sys; print(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")')
        echo "installing $package with apt-get" >&2
        if ! $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null 2>&1; then
            $root apt-get update -qq >/dev/null 2>&1
            $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null 2>&1 || continue
        fi
        make_with "$python" -m venv "$folder" && exit 0
    done
fi
rm -rf "$folder"
echo "this Python cannot make environments; install its venv package (Debian/Ubuntu: sudo apt-get install python3-venv)" >&2
exit 4
