"""A server that stops as soon as it runs, as a program: `served.py humanoid3d_walk`."""

import sys
import threading

from dm_deepmimic import serve


def main(arguments):
    server = serve.Server(serve.parse([*arguments, "--address=127.0.0.1:0"]))
    thread = threading.Thread(target=server.run)
    thread.start()
    server.stop()
    thread.join()


if __name__ == "__main__":
    main(sys.argv[1:])
