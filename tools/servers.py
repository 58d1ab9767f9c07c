"""What the tools share that run real servers for tests (kafka, hdfs, flume): jars, ports, processes.

A server is a Java program in a session of its own, so that it outlives whoever starts it; a file NAME.pid has its process.
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

CACHE = pathlib.Path(os.environ.get("SLUICE_CACHE", pathlib.Path.home() / ".cache/sluice"))
TOOL = pathlib.Path(sys.argv[0]).name
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

def free_ports(n):
    """Ports that nobody has: all are held until the last is known, so that they differ."""
    held = [socket.socket() for _ in range(n)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


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
