#!/bin/bash
# Inside the other system: a display, Blender with the extension, and the one who clicks.
set -euo pipefail
cd "$1"
export HOME=$PWD/home XDG_RUNTIME_DIR=$PWD/run LIBGL_ALWAYS_SOFTWARE=1 PYTHONUNBUFFERED=1
mkdir -p temp && export TMPDIR=$PWD/temp  # both systems must see the connection file
export LC_ALL=C.UTF-8 OMP_NUM_THREADS=1
blender --command extension install-file --repo user_default --enable extension.zip >install.log 2>&1

mkfifo display.pipe
exec 4<>display.pipe
Xvfb -displayfd 4 -screen 0 "${SCREEN:-1600x1000}x24" +extension GLX -nolisten tcp >xvfb.log 2>&1 &
server=$!
trap 'kill "${blender:-$server}" "$server" 2>/dev/null || true; wait 2>/dev/null || true' EXIT
read -r -t 20 number <&4
export DISPLAY=:$number
geometry=${SCREEN:-1600x1000}
blender --window-geometry 0 0 "${geometry%x*}" "${geometry#*x}" --python startup.py >blender.log 2>&1 &
blender=$!
python3 click_through.py "$PWD" "$blender"
