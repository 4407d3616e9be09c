#!/usr/bin/env bash
# Runs a command in a small Debian machine with cgroup v2, Docker and Podman; usage: run.sh SUITE COMMAND, as root.
#
# For tests/docker on engines and kernels that this machine does not have. The kernel is Debian's User Mode Linux, a
# program like any other: it needs no virtualisation by the processor, has one core, and is some ten times slower where
# programs start or talk. The first run makes the machine out of Debian's and Python's packages (minutes, 8 GB below
# build/vm); the images come from this machine's Docker. VM_MEMORY (6G) of memory is taken from /dev/shm.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "Only root can make a machine."; exit 2; }
[ "$(cat /proc/sys/vm/max_map_count)" -ge 262144 ] || { echo "It needs more: sysctl -w vm.max_map_count=262144"; exit 2; }
# What is mounted goes with the namespace.
[ "${1:-}" = --inside ] || exec unshare --mount "$0" --inside "$@"
shift
cd "$(dirname "$0")/../.."
project=$PWD suite=$1 command=$2
place=$project/build/vm/$suite
root=$place/root

# shellcheck disable=SC2016  # what is quoted is for the shell in there
make_root() {
  mkdir -p "$place"
  debootstrap --variant=minbase --include=ca-certificates,dbus,iproute2,systemd-sysv,udev "$suite" "$root"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  mount -t proc proc "$root/proc"
  # Where `docker` is a package of its own, docker.io only recommends it.
  in_root 'apt-get update -qq
    apt-get install -y -qq --no-install-recommends user-mode-linux docker.io podman catatonit crun netavark aardvark-dns \
      iptables kmod procps python3-venv git make curl uidmap $(apt-cache search --names-only "^docker-cli$" | cut -d" " -f1)
    rm /usr/sbin/policy-rc.d
    for tool in iptables ip6tables; do update-alternatives --set $tool /usr/sbin/$tool-legacy; done
    mkdir /lib/modules && cp -a /usr/lib/uml/modules/* /lib/modules/ && depmod "$(ls /usr/lib/uml/modules)"
    grep -qs dockremap /etc/subuid || echo dockremap:200000:65536 | tee -a /etc/subuid >>/etc/subgid
    python3 -m venv /opt/venv'
  mkdir "$root/project"
  tar c -C "$project" harness pyproject.toml README.md schemas | tar x -C "$root/project"
  in_root 'PIP_CERT=/etc/ssl/certs/ca-certificates.crt /opt/venv/bin/pip install -q -e "/project[dev]"'
  umount "$root/proc"
  machine_files
}

in_root() {
  DEBIAN_FRONTEND=noninteractive chroot "$root" bash -euc "$1"
}

# One service runs the command and turns the machine off.
machine_files() {
  echo "/dev/ubda / ext4 defaults 0 1" >"$root/etc/fstab"
  echo "vm-$suite" >"$root/etc/hostname"
  mkdir "$root/share"
  cat >"$root/etc/systemd/system/command.service" <<'END'
[Unit]
After=docker.service
Wants=docker.service
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/bash /opt/command.sh
ExecStopPost=/usr/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
END
  cat >"$root/opt/command.sh" <<'END'
exec >/dev/tty0 2>&1
# Kernels since 6.12 want the option's name.
mount -t hostfs none /share -o /share 2>/dev/null || mount -t hostfs none /share -o hostfs=/share
# The address by which containers reach this machine; nothing lies behind it.
ip link add way-out type dummy && ip address add 10.213.0.2/24 dev way-out && ip link set way-out up
ip route add default via 10.213.0.1
rm -rf /project && mkdir /project && tar xf /share/project.tar -C /project
docker image inspect lora-harness:cpu >/dev/null 2>&1 || docker load -q -i /share/images.tar
cd /project && export PYTHONPATH=/project OMP_NUM_THREADS=1 HOME=/root PY_COLORS=0
echo "$(uname -r), $(stat -fc %T /sys/fs/cgroup), Docker $(docker version -f '{{.Server.Version}}'), $(podman --version)"
PATH=/opt/venv/bin:$PATH bash /share/command
echo $? >/share/status
END
  in_root 'systemctl enable -q command docker'
}

make_disk() {
  truncate -s 24G "$place/disk.part"
  mkfs.ext4 -q -F -d "$root" "$place/disk.part"
  mv "$place/disk.part" "$place/disk"
}

[ -e "$place/disk" ] || { rm -rf "$root"; make_root; make_disk; }
rm -f "$root/share/status"
git ls-files -z --cached --others --exclude-standard | tar c --null -T - -f "$root/share/project.tar"
tar rf "$root/share/project.tar" image.lock
images=$(docker image inspect -f '{{.Id}}' lora-harness:cpu lora-harness-base:bookworm)
if [ "$images" != "$(cat "$root/share/images" 2>/dev/null)" ]; then
  docker save lora-harness:cpu lora-harness-base:bookworm -o "$root/share/images.tar"
  echo "$images" >"$root/share/images"
fi
echo "$command" >"$root/share/command"
# In the machine's own root, whose C library the kernel is made for.
touch "$root/disk"
mount --bind "$place/disk" "$root/disk"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
chroot "$root" env HOME=/root TMPDIR=/dev/shm linux.uml mem="${VM_MEMORY:-6G}" ubd0=/disk root=/dev/ubda rw \
  con0=null,fd:1 con=null ssl=null quiet systemd.unified_cgroup_hierarchy=1 </dev/null
exit "$(cat "$root/share/status")"
