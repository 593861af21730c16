"""A registry of npm packages with one package, whose tarball lies in a folder.

    python -m tests.guide.registry FOLDER

prints its URL.
"""

import json
import sys
import tarfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Registry(SimpleHTTPRequestHandler):
    """What the name of the package is answered with, and the tarball."""

    def do_GET(self) -> None:
        if self.path.endswith(".tgz"):
            super().do_GET()
            return
        (tarball,) = Path(self.directory).glob("*.tgz")
        with tarfile.open(tarball) as opened:
            package = json.load(opened.extractfile("package/package.json"))
        url = f"http://{self.headers['Host']}/{tarball.name}"
        version = {**package, "dist": {"tarball": url}}
        document = {
            "name": package["name"],
            "dist-tags": {"latest": package["version"]},
            "versions": {package["version"]: version},
        }
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Registry, directory=sys.argv[1]))
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
