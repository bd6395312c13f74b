"""``variantformer`` and ``python SCRIPT`` on a PATH, for programs that start them; they start without an import.

Each is a few lines that hand their arguments, folder, environment and streams to a process forked from the one of
``forked_processes``, wait for it, and end as it ended.
"""

import json
import os
import runpy
import socket
import socketserver
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forked_processes import CONTEXT, start_server

COMMAND = """#!{python} -IS
import json, os, socket, sys
name, python = {name!r}, {python!r}
if name == "python" and (len(sys.argv) < 2 or sys.argv[1].startswith("-")):
    os.execv(python, [python, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = json.dumps([name, sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(asked).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(asked)
    sys.exit(int(server.makefile().read()))
"""


@contextmanager
def forked_commands() -> Iterator[Path]:
    """A folder with the commands, which a PATH is to begin with."""
    start_server()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        address = str(folder / "socket")
        for command in ("python", "variantformer"):
            path = folder / command
            path.write_text(COMMAND.format(python=sys.executable, name=command, address=address))
            path.chmod(0o755)
        with socketserver.ThreadingUnixStreamServer(address, _Started) as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
            yield folder
            server.shutdown()


class _Started(socketserver.BaseRequestHandler):
    """A command that was started."""

    def handle(self) -> None:
        process = CONTEXT.Process(target=_run, args=(self.request,))
        process.start()
        process.join()
        code = process.exitcode or 0
        self.request.sendall(str(code if code >= 0 else 128 - code).encode())


def _run(client: socket.socket) -> None:
    head, streams, _, _ = socket.recv_fds(client, 4, 3)
    with client.makefile("rb") as file:
        name, arguments, folder, environment = json.loads(file.read(int.from_bytes(head, "big")))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, "w" if n else "r", closefd=False) for n in range(3))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if name == "python":
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).parent))
        runpy.run_path(arguments[0], run_name="__main__")
    else:
        from variantformer_hf.cli import main

        sys.argv = [name, *arguments]
        main()
