"""Requests to the lab's Kubernetes API, as its administrator."""

import concurrent.futures
import http.client
import json
import pathlib
import ssl
import sys
import threading
import urllib.parse

from kinds import KINDS, definition

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import lab  # noqa: E402


class Api:
    """Keeps one connection a thread. An answer that is no 2xx and not expected is a failure."""

    def __init__(self, url, authority, token):
        self.address = urllib.parse.urlsplit(url).netloc
        self.trust = ssl.create_default_context(cafile=authority)
        self.token = token
        self.connections = threading.local()

    def request(self, method, path, body=None, kind="application/json", expected=()):
        connection = getattr(self.connections, "kept", None)
        if connection is None:
            connection = self.connections.kept = http.client.HTTPSConnection(self.address, context=self.trust, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        connection.request(method, path, json.dumps(body) if isinstance(body, dict) else body, headers)
        response = connection.getresponse()
        text = response.read()
        if not 200 <= response.status < 300 and response.status not in expected:
            raise lab.Failure(f"{method} {path}: {response.status} {text[:300]!r}")
        return response.status, text

    def ready(self):
        try:
            return self.request("GET", "/readyz", expected=range(600))[0] == 200
        except (OSError, http.client.HTTPException):
            self.connections.kept = None
            return False

    def define_kinds(self, kinds=KINDS, folder=None):
        """As the manifests of `folder` do, which has these kinds among others, or as ours."""
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        manifests = [file.read_text() for file in folder.glob("*.yaml")] if folder else [json.dumps(definition(kind)) for kind in kinds]
        for manifest in manifests:
            self.apply(path, manifest)

        def established():
            items = json.loads(self.request("GET", path)[1])["items"]
            # `conditions` is null at first.
            conditions = [(c["type"], c["status"]) for item in items for c in item.get("status", {}).get("conditions") or ()]
            return conditions.count(("Established", "True")) >= len(manifests)

        lab.wait_until("the kinds are established", established, 60)
        # Established is not served yet: each kind's paths answer 404 a moment longer.
        for kind in kinds:
            group, plural, _ = KINDS[kind]
            listed = f"/apis/{group}/v1beta1/{plural}?limit=1"
            lab.wait_until(f"{plural} are served", lambda path=listed: self.request("GET", path, expected=(404,))[0] == 200, 60)

    def apply(self, path_of_list, manifest):
        """A manifest in YAML or JSON."""
        self.request("POST", path_of_list, manifest, "application/yaml", expected=(409,))

    def create(self, things, path_of):
        """Objects that `path_of` says where to put, four at a time; the `status` of those that have one."""

        def put(thing):
            path = path_of(thing)
            self.request("POST", path, thing)
            if "status" in thing:
                name = thing["metadata"]["name"]
                status = {"status": thing["status"]}
                self.request("PATCH", f"{path}/{name}/status", status, "application/merge-patch+json")

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for _ in pool.map(put, things):
                pass
