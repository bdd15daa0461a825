"""Serves the store of Git LFS that comes with dulwich on a port: lfs_store.py PORT FOLDER."""

import sys

from dulwich.lfs import LFSStore
from dulwich.lfs_server import LFSServer

port, folder = int(sys.argv[1]), sys.argv[2]
LFSServer(("127.0.0.1", port), LFSStore.create(folder)).serve_forever()
