"""What stands before several servers and gives each connection to the next one, as a proxy of a ward's does."""

import itertools
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress


@contextmanager
def round_robin(ports: Sequence[int]) -> Iterator[str]:
    """The address before servers of this machine; one that does not answer is passed over."""
    turns = itertools.cycle(range(len(ports)))

    def serve(client: socket.socket) -> None:
        with closing(client):
            first = next(turns)
            for port in (*ports[first:], *ports[:first]):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as server:
                    _both_ways(client, server)
                    return

    def accept() -> None:
        # It ends when the socket is closed.
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def _both_ways(client: socket.socket, server: socket.socket) -> None:
    back = threading.Thread(target=_pump, args=(server, client), daemon=True)
    back.start()
    _pump(client, server)
    back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    # Whoever reads from it must learn that nothing more comes.
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
