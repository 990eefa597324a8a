#!/bin/bash
# Click through the extension in a real Blender window (Xvfb, software GL), with a real backend.
#
#   run.sh ROOT ZIP PYTHON OUTDIR
#
#   ROOT    folder with another Debian that holds blender, xvfb, xdotool and imagemagick
#   ZIP     the extension as shipped, for linux-x64
#   PYTHON  the backend's interpreter, of this system
#   OUTDIR  gets a screenshot of each step, states.json and Blender's log
#
# Needs root rights: Blender runs in ROOT by chroot, the backend that it starts runs in this
# system by a second chroot. All mounts are gone when this ends.
set -euo pipefail
[ $# = 4 ] || { sed -n '2,12p' "$0" >&2; exit 2; }
root=$(realpath "$1") zip=$(realpath "$2") python=$(realpath -s "$3")
mkdir -p "$4" && out=$(realpath "$4")
here=$(dirname "$(realpath "$0")")
samples=$(realpath "$here/../../../backend/assets/samples")

work=$(mktemp -d /tmp/photo_avatar_window.XXXXXX)  # the same path in both systems
trap 'rm -rf "$work"; rmdir "$root$work" "$root/host" 2>/dev/null || true' EXIT
mkdir -p "$work"/{home,run,photos,shots} "$root$work" "$root/host"
chmod 700 "$work/run"
cp "$here"/{inside.sh,startup.py,click_through.py} "$work/"
cp "$zip" "$work/extension.zip"
cp "$samples"/{front,back,three_quarter,knee_bend}.jpg "$work/photos/"
printf '#!/bin/sh\nexec /usr/sbin/chroot /host /usr/bin/env -C "$PWD" "%s" "$@"\n' "$python" \
    > "$work/backend-python"
chmod +x "$work/backend-python"

status=0
# shellcheck disable=SC2016  # expanded inside
unshare --mount --propagation private bash -euc '
    mount --bind "$1" "$2$1"
    mount --rbind / "$2/host"
    mountpoint -q "$2/proc" || mount -t proc proc "$2/proc"
    exec chroot "$2" bash "$1/inside.sh" "$1"
' window "$work" "$root" || status=$?
cp -r "$work"/home/.config/blender/*/extensions/.user "$out"/user 2>/dev/null || true
cp "$work"/shots/* "$work"/*.json "$work"/*.log "$out"/ 2>/dev/null || true
exit $status
