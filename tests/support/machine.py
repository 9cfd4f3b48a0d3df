"""A copy of this machine: with its own files, processes and ports, and its own systemd.

The files of this machine are the lower layer of an overlay. What the copy writes is in memory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

START_SECONDS = 30
COMMAND_SECONDS = 120
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CGROUPS = Path("/sys/fs/cgroup")
# Arguments: the folder of the layers, and the folder that the copy sees as /srv.
BOOT = """
set -eu
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount --bind "$2" srv
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
# The copy must not change the devices and the kernel's settings of this machine.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/shm dev/pts
for name in null zero full random urandom tty; do
    touch "dev/$name"
    mount --bind "/dev/$name" "dev/$name"
done
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
if [ -d /sys/fs/cgroup/systemd ]; then
    mount -t tmpfs tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
else
    mount -t cgroup2 cgroup2 sys/fs/cgroup
fi
ip link set lo up
: > etc/fstab
echo 0123456789abcdef0123456789abcdef > etc/machine-id
printf '[Unit]\\nDescription=The copy is ready\\n' > etc/systemd/system/copy.target
# Not `chroot`: a process in a `chroot` cannot make the namespaces that units ask for.
pivot_root . mnt
umount -l /mnt
exec env -i container=copy PATH="$PATH" /lib/systemd/systemd --unit=copy.target
"""


class Machine:
    """A running copy of this machine."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        deadline = time.monotonic() + START_SECONDS
        while self.run("systemctl is-active -q copy.target").returncode != 0:
            assert time.monotonic() < deadline, "systemd does not start"
            time.sleep(0.1)

    def run(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a shell command as root."""
        children = psutil.Process(self._process.pid).children()
        first = str(children[0].pid) if children else "0"
        enter = ["nsenter", "--target", first, "--mount", "--net", "--pid", "--cgroup"]
        return subprocess.run(
            [*enter, "bash", "-euc", f"cd /root\n{command}"],
            env={"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **variables},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def output(self, command: str, **variables: str) -> str:
        """Run a shell command that must succeed, and return its output."""
        done = self.run(command, **variables)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout


@contextmanager
def machine(folder: Path, shared: Path) -> Iterator[Machine]:
    """Run a copy of this machine.

    Args:
        folder: An empty folder for the layers.
        shared: The folder that the copy sees as `/srv`.
    """
    hierarchy = CGROUPS / "systemd" if (CGROUPS / "systemd").is_dir() else CGROUPS
    group = hierarchy / f"itsm-copy-{os.getpid()}"
    group.mkdir()
    join = f"echo $$ > {group}/cgroup.procs"
    spaces = "--mount --net --pid --ipc --uts --cgroup --fork --kill-child"
    # `setpriv`: the copy ends with this process, even if this process is killed.
    start = f'{join}; exec setpriv --pdeathsig KILL unshare {spaces} bash -c "$@"'
    process = subprocess.Popen(
        ["bash", "-euc", start, "start", BOOT, "boot", str(folder), str(shared)],
        env={"PATH": PATH},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Machine(process)
    finally:
        # With the first process of its namespace, the kernel kills all others.
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.wait()
        _remove(group)


def snapshot(source: Path, target: Path) -> None:
    """Make a Git repository of the files in another one's working tree."""
    listed = subprocess.check_output(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=source, text=True
    )
    for name in filter(None, listed.split("\0")):
        if (source / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, target / name)
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=target, check=True)
    commit(target)


def commit(repository: Path) -> None:
    """Commit all files of a repository."""
    name = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", "add", "-A"], cwd=repository, check=True)
    subprocess.run(["git", *name, "commit", "-qm", "x"], cwd=repository, check=True)


def _remove(group: Path) -> None:
    for folder, _, _ in os.walk(group, topdown=False):
        os.rmdir(folder)
