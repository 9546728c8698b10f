"""Three Docker engines on one machine, as one Swarm: `python -m deploy.cluster up`. As root, on Debian.

A node is an engine in namespaces of its own (network, mounts, processes, host name); the nodes hang on a switch, which
is a network namespace too, so that the host's firewall neither sees nor needs to know them. `kill` takes a node away at
one blow, `cut` and `plug` its cable.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NODES = (1, 2, 3)
"""All of them managers: two of three are a quorum."""

STATE = Path(os.environ.get("DIGITS_CLUSTER", "/var/lib/digits-cluster"))
MARK = "of-digits"
"""A file in that folder that says whose it is."""

SWITCH = "digits-sw"
HOST = "10.87.0.1"
"""This machine's address on the switch."""


def address(node: int) -> str:
    return f"10.87.0.{10 + node}"


def run(*command: object, check: bool = True) -> str:
    """What `command` prints. Raises `CalledProcessError`."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if check and done.returncode:
        sys.stderr.write(done.stderr)
        done.check_returncode()
    return done.stdout.strip()


def docker(node: int, *arguments: object, check: bool = True) -> str:
    return run("docker", "-H", f"unix://{STATE}/{node}/docker.sock", *arguments, check=check)


def up(images: list[str]) -> None:
    """Start all nodes, with `images` of the engine that DOCKER_HOST names, and join them. Raises `FileExistsError`."""
    STATE.mkdir(parents=True)
    (STATE / MARK).touch()
    archive = STATE / "images.tar"
    run("docker", "save", "-o", archive, *images)
    _connect()
    for node in NODES:
        start(node)
        docker(node, "load", "-q", "-i", archive)
    archive.unlink()
    docker(1, "swarm", "init", "--advertise-addr", address(1), "--default-addr-pool", "10.101.0.0/16",
           "--dispatcher-heartbeat", "1s")  # fmt: skip
    token = docker(1, "swarm", "join-token", "-q", "manager")
    for node in NODES[1:]:
        docker(node, "swarm", "join", "--advertise-addr", address(node), "--token", token, f"{address(1)}:2377")


def _connect() -> None:
    run("ip", "netns", "add", SWITCH)
    run("ip", "-n", SWITCH, "link", "add", "br0", "type", "bridge")
    run("ip", "-n", SWITCH, "link", "set", "br0", "up")
    run("ip", "link", "add", "digits-host", "type", "veth", "peer", "name", "host", "netns", SWITCH)
    run("ip", "-n", SWITCH, "link", "set", "host", "master", "br0", "up")
    run("ip", "addr", "add", f"{HOST}/24", "dev", "digits-host")
    run("ip", "link", "set", "digits-host", "up")
    for node in NODES:
        space = f"digits-{node}"
        run("ip", "netns", "add", space)
        run("ip", "-n", SWITCH, "link", "add", f"node{node}", "type", "veth", "peer", "name", "eth0", "netns", space)
        run("ip", "-n", SWITCH, "link", "set", f"node{node}", "master", "br0", "up")
        run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "-n", space, "addr", "add", f"{address(node)}/24", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "eth0", "up")


def start(node: int) -> None:
    """Boot a node, as after a fall of its power."""
    home = STATE / str(node)
    (home / "data").mkdir(parents=True, exist_ok=True)
    for left in ("exec", "dockerd.pid", "docker.sock"):
        path = home / left
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    script = home / "init.sh"
    script.write_text(
        f"mount --make-rprivate /\n"
        f"hostname node{node}\n"
        "export DOCKER_SERVICE_PREFER_OFFLINE_IMAGE=1\n"
        f"dockerd --data-root {home}/data --exec-root {home}/exec --pidfile {home}/dockerd.pid "
        f"-H unix://{home}/docker.sock --cgroup-parent /digits-{node} >>{home}/dockerd.log 2>&1 &\n"
        "engine=$!\n"
        "trap 'kill -TERM $engine; wait $engine; exit 0' TERM\n"
        "wait $engine\n"
    )
    with (home / "init.log").open("ab") as log:
        outer = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/digits-{node}", "unshare", "--mount", "--uts", "--ipc", "--pid", "--fork",
             "--mount-proc", "bash", str(script)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    _until(lambda: docker(node, "info", "-f", "{{.ID}}", check=False) != "", f"node {node} answers")
    (home / "pid").write_text(run("pgrep", "-P", outer.pid))


def kill(node: int) -> None:
    """Take a node away at one blow, with all that runs on it."""
    os.kill(_pid(node), signal.SIGKILL)
    (STATE / str(node) / "pid").unlink()


def stop(node: int) -> None:
    try:
        os.kill(pid := _pid(node), signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError):
        return
    _until(lambda: not Path(f"/proc/{pid}").exists(), f"node {node} stops")


def cut(node: int) -> None:
    """Pull a node's network cable."""
    run("ip", "-n", SWITCH, "link", "set", f"node{node}", "down")


def plug(node: int) -> None:
    run("ip", "-n", SWITCH, "link", "set", f"node{node}", "up")


def down() -> None:
    """Stop all nodes and leave nothing behind."""
    for node in NODES:
        stop(node)
        run("ip", "netns", "del", f"digits-{node}", check=False)
    run("ip", "link", "del", "digits-host", check=False)
    run("ip", "netns", "del", SWITCH, check=False)
    for group in Path("/sys/fs/cgroup").glob("**/digits-[0-9]"):
        run("find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+", check=False)
    if (STATE / MARK).exists():
        shutil.rmtree(STATE, ignore_errors=True)


@contextmanager
def running(images: list[str]) -> Iterator[None]:
    if STATE.exists():
        raise FileExistsError(f"{STATE}: a cluster is there already; python -m deploy.cluster down takes it away")
    try:
        up(images)
        yield
    finally:
        down()


def _pid(node: int) -> int:
    """Of the node's first process, as this machine counts them."""
    return int((STATE / str(node) / "pid").read_text())


def _until(holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.2)


def main() -> None:
    match sys.argv[1:]:
        case ["up", *images]:
            up(images)
        case ["down"]:
            down()
        case [("kill" | "start" | "stop" | "cut" | "plug") as what, node]:
            {"kill": kill, "start": start, "stop": stop, "cut": cut, "plug": plug}[what](int(node))
        case _:
            sys.exit("python -m deploy.cluster up IMAGE… | down | kill N | start N | stop N | cut N | plug N")


if __name__ == "__main__":
    main()
