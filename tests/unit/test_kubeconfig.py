"""A kubeconfig that is not perfect: file and field are named, nothing is dropped without a word, and there is never a traceback."""

import json
import os
import ssl
import sys

import pytest
from kube_server import Cluster, kubeconfig, started

from mlspec.backends.deploys._kubernetes import api as asking
from mlspec.backends.deploys._kubernetes.api import Api
from mlspec.backends.deploys._kubernetes.config import access
from mlspec.backends.port import BackendError

USER, CLUSTER, CONTEXT = ("users", "u", "user"), ("clusters", "k", "cluster"), ("contexts", "c", "context")
JUNK = "aGVsbG8="
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable}


def config(**changed):
    """A kubeconfig in which these parts have, or are, something else."""
    parts = {
        "contexts": {"cluster": "k", "user": "u"},
        "clusters": {"server": "https://h:1"},
        "users": {},
    }
    said = {"current-context": "c"}
    for what, name, inner in (CONTEXT, CLUSTER, USER):
        change = changed.get(what, {})
        part = {**parts[what], **change} if isinstance(change, dict) else change
        said[what] = [{"name": name, inner: part}]
    return said


def written(folder, said):
    path = folder / "kc"
    path.write_bytes(said if isinstance(said, bytes) else json.dumps(said).encode())
    return path


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"\xff\xfe", "kc` cannot be read"),
        (b"a: [", "it is not YAML"),
        (b"when: 2024-13-45", "cannot be read"),
        (b"3", "is not a kubeconfig"),
        ({**config(), "contexts": 3}, "`contexts` of"),
        ({**config(), "users": ["u"]}, "`users` of"),
        ({**config(), "current-context": None}, "`current-context` of"),
        ({**config(), "current-context": ["c"]}, "`current-context` of"),
        (config(contexts=[1]), "`contexts[c].context` of"),
        (config(contexts=None), "`contexts[c].context.cluster` of"),
        (config(contexts={"user": 3}), "`contexts[c].context.user` of"),
        (config(clusters=None), "`clusters[k].cluster.server` of"),
        (config(clusters={"server": "https://h:port"}), "`clusters[k].cluster.server` of"),
        (config(clusters={"server": "https://["}), "`clusters[k].cluster.server` of"),
        (config(clusters={"server": "https://ü"}), "`clusters[k].cluster.server` of"),
        (config(clusters={"certificate-authority": "nope.crt"}), "`clusters[k].cluster.certificate-authority` of"),
        (config(clusters={"certificate-authority-data": JUNK}), "`clusters[k].cluster.certificate-authority` of"),
        (config(clusters={"certificate-authority-data": "a"}), "`clusters[k].cluster.certificate-authority-data` of"),
        (config(clusters={"insecure-skip-tls-verify": "no"}), "`clusters[k].cluster.insecure-skip-tls-verify` of"),
        (config(users=[1]), "`users[u].user` of"),
        (config(users={"tokenFile": "nope"}), "`users[u].user.tokenFile` of"),
        (config(users={"token": "a\nb"}), "`users[u].user.token` of"),
        (config(users={"token": 3}), "`users[u].user.token` of"),
        (config(users={"client-certificate-data": JUNK}), "needs `client-key`"),
        (config(users={"client-key-data": JUNK}), "needs `client-certificate`"),
        (config(users={"client-certificate-data": JUNK, "client-key-data": JUNK}), "`users[u].user.client-certificate` of"),
        (config(users={"exec": {"args": []}}), "`users[u].user.exec.command` of"),
        (config(users={"exec": 3}), "`users[u].user.exec` of"),
        (config(users={"exec": {**EXEC, "args": [3]}}), "`users[u].user.exec.args` of"),
        (config(users={"exec": {**EXEC, "env": [{"name": 3}]}}), "`users[u].user.exec.env.name` of"),
        (config(users={"exec": {**EXEC, "args": ["-c", "print([])"]}}), "gave no credentials"),
        (config(users={"exec": {**EXEC, "args": ["-c", "print('{\"status\": 3}')"]}}), "gave no credentials"),
        (config(users={"as-groups": ["a"]}), "`users[u].user.as-groups` of"),
        (config(users={"as": "a\r\nb: c"}), "`users[u].user.as` of"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_file_and_its_field(said, told, tmp_path):
    path = written(tmp_path, said)
    with pytest.raises(BackendError) as caught:
        access(tmp_path, "kc", "")
    assert caught.value.code == "cluster-unreachable"
    assert told in str(caught.value)
    assert path.name in str(caught.value)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("users", "username", "a"),
        ("users", "password", "b"),
        ("users", "auth-provider", {"name": "gcp"}),
        ("users", "as-user-extra", {"a": ["b"]}),
        ("clusters", "proxy-url", "http://p"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(part, field, value, tmp_path):
    written(tmp_path, config(**{part: {field: value}}))
    with pytest.raises(BackendError, match=rf"\.{field}` of .* is not supported") as caught:
        access(tmp_path, "kc", "")
    assert caught.value.code == "cluster-unreachable"


def test_of_several_files_none_is_taken_for_all(tmp_path, monkeypatch):
    path = written(tmp_path, config())
    monkeypatch.setenv("KUBECONFIG", f"{path}{os.pathsep}{tmp_path / 'other'}")
    with pytest.raises(BackendError, match="`KUBECONFIG` names 2 files"):
        access(tmp_path, "", "")
    assert access(tmp_path, "kc", "").context == "c"
    monkeypatch.setenv("KUBECONFIG", f"{path}{os.pathsep}")
    assert access(tmp_path, "", "").context == "c"


def test_it_acts_as_somebody_else_where_the_kubeconfig_says_so(tmp_path):
    cluster = Cluster()
    server = started(cluster)
    try:
        path = kubeconfig(tmp_path, server.server_port)
        said = json.loads(path.read_text())
        said["users"][0]["user"] |= {"as": "viewer", "as-uid": "7", "as-groups": ["a", "b"]}
        path.write_text(json.dumps(said))
        way = access(tmp_path, str(path), "")
        assert way.headers[2:] == (("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
        assert Api(way).listed("v1", "ConfigMap", "ml", {}) == []
        ((_, _, _, headers, _),) = cluster.requests
        assert {n: headers[n] for n in headers if n.startswith("Imp")} == {
            "Impersonate-User": "viewer", "Impersonate-Uid": "7", "Impersonate-Group": "a, b",
        }  # fmt: skip
    finally:
        server.shutdown()
        server.server_close()


def test_the_certificate_of_a_server_may_carry_another_name(tmp_path, monkeypatch):
    asked = []

    class Context(ssl.SSLContext):
        def wrap_socket(self, sock, **options):
            asked.append(options["server_hostname"])
            raise ssl.SSLError("that is enough")

    monkeypatch.setattr(asking, "_TRIES", 1)
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: Context(ssl.PROTOCOL_TLS_CLIENT))
    server = started(Cluster())
    try:
        for name in ("inside.example.com", ""):
            url = f"https://127.0.0.1:{server.server_port}"
            written(tmp_path, config(clusters={"server": url, "tls-server-name": name}))
            with pytest.raises(BackendError, match="that is enough"):
                Api(access(tmp_path, "kc", "")).listed("v1", "ConfigMap", "ml", {})
    finally:
        server.shutdown()
        server.server_close()
    assert asked == ["inside.example.com", "127.0.0.1"]


@pytest.mark.parametrize("text", [b'{"items": [', b"<html>log in</html>", b"[]", b"", b'{"a": "\xff'])
def test_half_an_answer_is_said_and_no_traceback(text, tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "_TRIES", 1)
    monkeypatch.setattr(asking.http.client.HTTPResponse, "read", lambda *_: text)
    server = started(Cluster())
    try:
        way = access(tmp_path, str(kubeconfig(tmp_path, server.server_port)), "")
        with pytest.raises(BackendError, match="does not answer: its answer is not whole") as caught:
            Api(way).listed("v1", "ConfigMap", "ml", {})
        assert caught.value.code == "cluster-unreachable"
    finally:
        server.shutdown()
        server.server_close()
