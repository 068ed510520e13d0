"""Dockerfiles: of a server that answers for any model version, of the steps of pipelines, and of one version as an image."""

import re
from pathlib import Path

from mlspec.backends.port import BackendError, ModelVersion
from mlspec.backends.published import write_layout
from mlspec.base.diag import problem

_IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._/:@-]*")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._,\[\]=<>~!+/-]*")
_HEAD = "# Written by mlspec; change it as you like, mlspec does not write over it.\n"

_SERVER = (
    _HEAD
    + """\
# A server for every deployment: which version it serves is said by the manifest, and verified by its digest.
FROM {base}
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv
COPY requirements.txt ./
RUN pip install --no-cache-dir "{package}" -r requirements.txt
# a number, so that the cluster can see that it is not root; nothing but /tmp is written
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["python", "-m", "mlspec.serving.container"]
"""
)
_STEP = (
    _HEAD
    + """\
# For the steps of pipelines: the code of the project, at the paths that their commands name.
FROM {base}
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /project
COPY requirements.txt ./
RUN pip install --no-cache-dir "{package}" -r requirements.txt
COPY . ./
USER 65532:65532
"""
)
_MODEL = (
    _HEAD
    + """\
# One model version, to be mounted into the pods of a server (`model_uri: oci://...`).
FROM scratch
COPY version.json /version.json
COPY files /files
LABEL dev.mlspec.model="{model}" dev.mlspec.version="{version}" dev.mlspec.files-digest="{files}"
"""
)
_IGNORE = ".git\n.mlspec\n**/__pycache__\n.venv\n.env\n*.pem\n*.key\n"
_REQUIREMENTS = {
    "server": "# what the models need to be loaded, at the versions that trained them\nscikit-learn\npandas\n",
    "step": "# what the steps import\n",
}


def write_image(what: str, folder: Path, base: str, package: str) -> tuple[str, ...]:
    """Write the Dockerfile of a `server` or of `step`s with what belongs to it; the paths. Raises Problems, and writes over nothing."""
    for text, pattern, name in ((base, _IMAGE, "image"), (package, _PACKAGE, "package")):
        if not pattern.fullmatch(text):
            raise problem("invalid-option", f"`{text}` is not the name of {'an' if name == 'image' else 'a'} {name}")
    template = {"server": _SERVER, "step": _STEP}[what]
    texts = {"Dockerfile": template.format(base=base, package=package), ".dockerignore": _IGNORE}
    if not (folder / "requirements.txt").exists():
        texts["requirements.txt"] = _REQUIREMENTS[what]
    return _written(folder, texts)


def write_model_image(version: ModelVersion, folder: Path) -> tuple[str, ...]:
    """Write the files of a version with a Dockerfile that holds nothing else; the paths. Raises Problems and BackendError."""
    if folder.exists() and any(folder.iterdir()):
        raise problem("folder-not-empty", f"`{folder}` is not empty", help="name another folder")
    if not version.path:
        raise BackendError(f"the registry does not say where version {version.version[:8]} of `{version.model}` lies")
    write_layout(version, folder)
    text = _MODEL.format(model=version.model, version=version.version, files=version.files_digest)
    return ("files", "version.json", *_written(folder, {"Dockerfile": text}))


def _written(folder: Path, texts: dict[str, str]) -> tuple[str, ...]:
    there = [name for name in texts if name != ".dockerignore" and (folder / name).exists()]
    if there:
        message = f"`{folder / there[0]}` is there already, and is not written over"
        raise problem("file-in-the-way", message, help="name another folder: `--output`")
    folder.mkdir(parents=True, exist_ok=True)
    made = {name: text for name, text in texts.items() if not (folder / name).exists()}
    for name, text in made.items():
        (folder / name).write_text(text, "utf-8")
    return tuple(made)
