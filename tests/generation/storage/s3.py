"""Is run as a process of its own: an S3 on loopback, with all that is stored in its memory and not in ours."""

import sys

from moto.server import ThreadedMotoServer


def main() -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    print("http://{}:{}".format(*server.get_host_and_port()), flush=True)  # noqa: T201
    sys.stdin.read()  # it ends with whoever holds the other end, even when that is killed
    server.stop()


if __name__ == "__main__":
    main()
