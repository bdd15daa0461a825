"""What dulwich does with a repository: dulwich_client.py URL FOLDER WORD, where WORD is clone, push or force.

The way there comes by the environment: WEB_PROXY or GIT_USER and GIT_PASSWORD, SSL_CERT_FILE, GIT_SSH_COMMAND.
"""

import os
import sys

from dulwich import porcelain
from dulwich.config import ConfigDict
from dulwich.repo import Repo

url, folder, word = sys.argv[1:4]
more = {}
if url.startswith("http"):
    if "GIT_USER" in os.environ:
        more = {"username": os.environ["GIT_USER"], "password": os.environ["GIT_PASSWORD"]}

config = ConfigDict()
if "WEB_PROXY" in os.environ:
    config.set((b"http",), b"proxy", os.environ["WEB_PROXY"].encode())
if "SSL_CERT_FILE" in os.environ:
    config.set((b"http",), b"sslCAInfo", os.environ["SSL_CERT_FILE"].encode())

if word == "clone":
    porcelain.clone(url, folder, errstream=porcelain.NoneStream(), config=config, **more)
else:
    with Repo(folder) as repository:
        own = repository.get_config()
        for section in config.sections():
            for name, value in config.items(section):
                own.set(section, name, value)
        own.write_to_path()
    result = porcelain.push(
        folder, url, b"refs/heads/main", errstream=porcelain.NoneStream(), force=word == "force", **more
    )
    for name, status in (result.ref_status or {}).items() if hasattr(result, "ref_status") else []:
        print(name.decode(), "ok" if status is None else status)
print("done")
