"""A stand-in for the API server of a cluster, for what can be shown without one: who owns which field, and what is sent.

It applies on the server's side (owners of leaves, conflicts, dry runs), sets a default here and there, can drop fields as old
servers do, and lets Deployments roll out after a few looks. It validates nothing: `test_kubernetes.py` asks the API's own
schemas, and the tests marked `kubernetes` ask a real cluster.
"""

import copy
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

DEFAULTS = {
    "Deployment": {"spec.revisionHistoryLimit": 10, "spec.progressDeadlineSeconds": 600, "spec.replicas": 1},
    "Service": {"spec.type": "ClusterIP", "spec.clusterIP": "10.0.0.7"},
}


def leaves(value, path=()):
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path, value


def at(value, path):
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def put(value, path, item):
    for part in path[:-1]:
        value = value.setdefault(part, {})
    value[path[-1]] = item


def drop(value, path):
    for part in path[:-1]:
        value = value.get(part, {})
    value.pop(path[-1], None)


class Cluster:
    """Objects by path, their owners, and every request that came; `unknown` are dotted fields that the server does not know."""

    def __init__(self, *, unknown=(), looks=2, stuck=False):
        self.objects, self.owned, self.requests = {}, {}, []
        self.unknown, self.looks, self.stuck = unknown, looks, stuck
        self.looked, self.lock = {}, threading.RLock()

    def apply(self, path, sent, manager, *, force, dry):
        live, owned = copy.deepcopy(self.objects.get(path)), copy.deepcopy(self.owned.get(path, {}))
        body = {k: v for k, v in sent.items() if k not in {"apiVersion", "kind"}}
        wanted = {p: v for p, v in leaves(body) if p[:2] not in {("metadata", "name"), ("metadata", "namespace")}}
        for dotted in self.unknown:
            wanted = {p: v for p, v in wanted.items() if p[: dotted.count(".") + 1] != tuple(dotted.split("."))}
        fresh = live is None
        live = live or {
            "apiVersion": sent["apiVersion"],
            "kind": sent["kind"],
            "metadata": copy.deepcopy({k: sent["metadata"][k] for k in ("name", "namespace")}),
        }
        for leaf, value in wanted.items():
            others = [m for m, paths in owned.items() if m != manager and leaf in paths]
            if others and at(live, leaf) != value:
                if not force:
                    return 409, {
                        "message": f'Apply failed with 1 conflict: conflict with "{others[0]}": .{".".join(leaf)}'
                    }
                for other in others:
                    owned[other].discard(leaf)
        for gone in owned.get(manager, set()) - wanted.keys():
            if not any(gone in paths for m, paths in owned.items() if m != manager):
                drop(live, gone)
        before = copy.deepcopy(live)
        for leaf, value in wanted.items():
            put(live, leaf, value)
        owned[manager] = set(wanted)
        self._defaults(sent["kind"], live)
        self._about(live, owned, changed=fresh or before != live)
        if not dry:
            self.objects[path], self.owned[path] = live, owned
            self.looked[path] = 0
        return 200, live

    @staticmethod
    def _defaults(kind, live):
        for dotted, value in DEFAULTS.get(kind, {}).items():
            path = dotted.split(".")
            if at(live, path) is None:
                put(live, path, value)

    def _about(self, live, owned, *, changed):
        about = live["metadata"]
        about.setdefault("uid", "1")
        about["generation"] = about.get("generation", 0) + bool(changed)
        about["managedFields"] = [
            {
                "manager": m,
                "operation": "Apply",
                "fieldsV1": {"f:spec": {f"f:{p[1]}": {} for p in paths if p[0] == "spec" and len(p) > 1}},
            }
            for m, paths in owned.items()
        ]

    def edit(self, path, dotted, value, manager="kubectl-edit"):
        """What somebody does by hand."""
        leaf = tuple(dotted.split("."))
        for paths in self.owned[path].values():
            paths.discard(leaf)
        put(self.objects[path], leaf, value)
        self.owned[path].setdefault(manager, set()).add(leaf)
        self._about(self.objects[path], self.owned[path], changed=True)

    def seen(self, path):
        live = copy.deepcopy(self.objects.get(path))
        if live and live["kind"] == "Deployment":
            self.looked[path] = self.looked.get(path, 0) + 1
            wanted = live["spec"]["replicas"]
            ready = self.looked[path] > self.looks and not self.stuck
            late = (
                [
                    {
                        "type": "Progressing",
                        "status": "False",
                        "reason": "ProgressDeadlineExceeded",
                        "message": "no image",
                    }
                ]
                if self.stuck
                else []
            )
            live["status"] = {
                "observedGeneration": live["metadata"]["generation"], "replicas": wanted, "updatedReplicas": wanted if ready else 0,
                "availableReplicas": wanted if ready else 0, "conditions": late,
            }  # fmt: skip
        return live


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _all(self):
        url = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        path, cluster = unquote(url.path), self.server.cluster
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        with cluster.lock:
            cluster.requests.append(
                (self.command, path, query, {n: ", ".join(self.headers.get_all(n)) for n in self.headers}, body)
            )
            if self.headers.get("Authorization") != "Bearer robot":
                return self._answer(401, {"message": "Unauthorized"})
            if "/namespaces/ml/" not in path:
                return self._answer(404, {"message": "namespaces not found"})
            if self.command == "PATCH":
                force, dry = query.get("force") == "true", query.get("dryRun") == "All"
                return self._answer(*cluster.apply(path, body, query["fieldManager"], force=force, dry=dry))
            if self.command == "DELETE":
                return self._answer(200 if cluster.objects.pop(path, None) else 404, {})
            if path.count("/") == 5 + path.startswith("/apis/"):
                wanted = dict(pair.split("=") for pair in query.get("labelSelector", "").split(",") if pair)
                items = [
                    o
                    for p, o in cluster.objects.items()
                    if p.startswith(f"{path}/") and wanted.items() <= o["metadata"]["labels"].items()
                ]
                return self._answer(200, {"items": items})
            found = cluster.seen(path)
            return self._answer(200 if found else 404, found or {"message": "not found"})

    do_GET = do_PATCH = do_DELETE = _all  # noqa: N815 - the names are http.server's

    def log_message(self, *_):
        pass


def started(cluster):
    """Serve a cluster; the server, to be shut down by who asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.cluster = cluster
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def kubeconfig(folder, port, token="robot"):  # noqa: S107 - of a server that stands in
    path = folder / "kubeconfig"
    path.write_text(json.dumps({
        "current-context": "here", "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": token}}], "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }))  # fmt: skip
    return path
