"""What the tools share that run real servers for tests (kafka, hdfs, flume, postgres): jars, ports, processes.

A server is a Java program in a session of its own, so that it outlives whoever starts it; a file NAME.pid has its process.
"""
import fcntl
import itertools
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

CACHE = pathlib.Path(os.environ.get("SLUICE_CACHE", pathlib.Path.home() / ".cache/sluice"))
TOOL = pathlib.Path(sys.argv[0]).name
PORTS = pathlib.Path(f"/tmp/sluice-ports.{os.geteuid()}")  # not in TMPDIR: runs with others share it
LOWEST_PORT = 20000  # below lie those that programs and examples are known by
FEWEST_PORTS = 1000
END_S = 20  # that a server may take to end in order
DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>\n"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>sluice</groupId><artifactId>{}-for-tests</artifactId><version>1</version><packaging>pom</packaging><dependencies>
{}</dependencies></project>
"""


def fail(text):
    sys.exit(f"{TOOL}: {text}")


# ---------------------------------------------------------------- jars

def fetch(home, artifacts, size):
    """The jars of GROUP:NAME:VERSION each and of what they need, into home/jars, by Maven, once; a download that was broken off
    leaves no mark and is done again."""
    done = home / "done"
    if done.exists():
        return
    if shutil.which("mvn") is None or shutil.which("java") is None:
        fail(f"needs Java and Maven: tools/setup --{TOOL} installs them")
    home.mkdir(parents=True, exist_ok=True)
    (home / "pom.xml").write_text(POM.format(TOOL, "".join(DEPENDENCY.format(*one.split(":")) for one in artifacts)))
    print(f"{TOOL}: fetching {home.name} ({size})", file=sys.stderr)
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
    code = subprocess.call(["mvn", "-q", "-B", "-f", str(home / "pom.xml"), goal, "-DincludeScope=runtime",
                            f"-DoutputDirectory={home}/jars"], stdout=sys.stderr)
    if code != 0:
        fail(f"Maven could not fetch it, see above. It is needed once and kept in {home}: behind a proxy name that in "
             "~/.m2/settings.xml; without a network copy the directory from a machine that has it (SLUICE_CACHE names "
             "another place)")
    done.touch()


# ---------------------------------------------------------------- ports

def free_ports(n, owner):
    """n ports of loopback for servers of the directory `owner`, which has them until it is gone: what was killed starts again
    on its port. Concurrent starts share one table of who has which. The ports lie outside the range from which the kernel
    takes those of connections, or a connection of anybody could have one before its server listens, or while it is down."""
    with open(PORTS, "a+") as table:
        fcntl.flock(table, fcntl.LOCK_EX)
        table.seek(0)
        held = [line.split(" ", 1) for line in table.read().splitlines()]
        held = {int(port): place for port, place in held if os.path.isdir(place)}
        found = list(itertools.islice((port for port in candidates() if port not in held and is_free(port)), n))
        if len(found) < n:
            fail(f"no {n} ports are free; {PORTS} tells which are held, and for which directories")
        held |= {port: os.path.abspath(owner) for port in found}
        table.truncate(0)
        table.write("".join(f"{port} {place}\n" for port, place in held.items()))
    return found


def candidates():
    """Each port once, from a random one on: a closed port is not taken up again at once."""
    first, last = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    ports = [port for port in range(LOWEST_PORT, 65536) if not first <= port <= last]
    if len(ports) < FEWEST_PORTS:
        fail(f"connections may take any port from {first} to {last}, so that none is safe for a server: "
             "sysctl net.ipv4.ip_local_port_range='32768 60999' is Linux's default")
    start = random.randrange(len(ports))
    return ports[start:] + ports[:start]


def is_free(port):
    """Nobody has it on any address, not even a connection that was closed a while ago."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as one:
            try:
                one.bind(("", port))
            except OSError:
                return False
    return True


def is_open(port):
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


# ---------------------------------------------------------------- processes

def launch(where, name, words, env=None):
    """Starts it; what it tells is added to where/NAME.out."""
    with open(where / f"{name}.out", "a") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
                                   close_fds=True, env=env)
    (where / f"{name}.pid").write_text(str(process.pid))
    return process


def is_running(where, name):
    try:
        os.kill(int((where / f"{name}.pid").read_text()), 0)
        return True
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return False


def send(where, name, how):
    """The signal, unless it is gone already."""
    try:
        os.kill(int((where / f"{name}.pid").read_text()), how)
    except ProcessLookupError:
        pass


def end(where, name, how):
    """Sends the signal and waits until the process is gone; it is not our child, so by asking for it."""
    if is_running(where, name):
        send(where, name, how)
    until = time.monotonic() + END_S
    while is_running(where, name):
        if time.monotonic() > until:
            send(where, name, signal.SIGKILL)
        time.sleep(0.02)
    (where / f"{name}.pid").unlink(missing_ok=True)


def last_words(where, name):
    return (where / f"{name}.out").read_text(errors="replace")[-2000:]
