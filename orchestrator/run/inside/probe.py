"""Tries from inside what the sandbox is there to prevent, and says what was prevented. Whether it was is also looked at from outside.

Standard input: {"box", "limits", "parent": pid, "outside": folder with a file `secret`, "other": folder, "tcp", "udp": ports, "abstract": name,
"mark": argument of a process that is left behind}. Answer: {"held": [words of run/sandboxes PARTS], "incidents": kinds}.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import calls
import limits
import processes
import supervise


def attempts(request):
    """Word → what must fail, every one of them."""
    outside, watcher = request["outside"], os.getppid()
    others = (watcher,) if request["box"]["alone"] else (watcher, request["parent"])
    secret = outside + "/secret"
    number = calls.NUMBERS.get
    return {
        "read": [lambda: open(secret).close(), lambda: os.listdir(outside), lambda: open("/etc/shadow").close()],
        "write": [lambda: open(outside + "/written", "w").close(), lambda: os.unlink(secret), lambda: os.mkdir(outside + "/made")],
        "modes": [lambda: os.chmod(outside, 0), lambda: os.utime(secret, (1, 1)), lambda: os.chown(secret, 12345, 12345)],
        "siblings": [lambda: os.listdir(request["other"]), lambda: open(request["other"] + "/secret").close()],
        "tcp": [lambda: _connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", request["tcp"]))],
        "udp": [lambda: _send(("127.0.0.1", request["udp"]))],
        "unix": [lambda name=name: _connect(socket.AF_UNIX, socket.SOCK_STREAM, name) for name in (outside + "/socket", "\0" + request["abstract"])],
        "signals": [lambda pid=pid: os.kill(pid, 0) for pid in others],
        "memory": [lambda path=f"/proc/{pid}/{name}": open(path, "rb").close() for pid in others for name in ("mem", "environ", "maps")],
        "trace": [
            *(lambda pid=pid: calls.system_call(number("ptrace", -1), 16, pid, 0, 0) for pid in others),
            lambda: calls.system_call(number("ptrace", -1), 0, 0, 0, 0),
        ],
        "namespaces": [lambda flag=flag: calls.system_call(number("unshare", -1), flag) for flag in (0x10000000, 0x20000, 0x40000000)],
        "kernel": [lambda: calls.system_call(number("personality", -1), 0x40000), lambda: calls.system_call(number("keyctl", -1), 0, -2, 1)],
    }


def _connect(family, kind, address):
    with socket.socket(family, kind) as connection:
        connection.settimeout(1)
        connection.connect(address)


def _send(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.sendto(b"x", address)
    raise OSError("whether it got there is seen outside")


def main():
    request = json.load(sys.stdin)
    box = request["box"]
    supervise.prepare(box)
    limits.apply(request["limits"], box["alone"])
    folder = tempfile.mkdtemp(prefix="probe-", dir=box["tmp"])
    fork = supervise.Fork(box, request["limits"])
    if fork.pid == 0:
        held = [word for word, tries in attempts(request).items() if all(map(_fails, tries))]
        with open(folder + "/held", "w") as stream:
            json.dump(held, stream)
        subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)", request["mark"]], start_new_session=True)
        os._exit(0)
    fork.grace = 0.05
    ended = fork.wait(10)
    if not processes.descendants():
        json.dump(
            {"held": [*json.loads(limits.tail(folder + "/held") or "[]"), "ends"], "incidents": [item[0] for item in ended.incidents]}, sys.stdout
        )


def _fails(attempt):
    try:
        attempt()
    except OSError:
        return True
    return False


if __name__ == "__main__":
    main()
