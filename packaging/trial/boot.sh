#!/bin/bash
# boot.sh ROOT: boots the system in ROOT in a container, in a mount namespace of its own (`unshare --mount`), and waits for it.
set -euo pipefail
group=/sys/fs/cgroup/openscm-trial-$$
# systemd in the container needs the unified hierarchy, which this machine may not have mounted there.
mount --make-rprivate /
if ! [ -e /sys/fs/cgroup/cgroup.procs ]; then
    umount --recursive /sys/fs/cgroup 2>/dev/null || true
    mount -t cgroup2 none /sys/fs/cgroup
fi
mkdir "$group"
trap 'echo $$ >/sys/fs/cgroup/cgroup.procs; find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true' EXIT
echo $$ >"$group/cgroup.procs"
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
systemd-nspawn --quiet --directory="$1" --boot --register=no --keep-unit --private-network --console=pipe </dev/null
