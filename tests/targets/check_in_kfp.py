"""Reads rendered pipelines as Kubeflow does: its loader, its messages, and those of its Kubernetes part; started with the Python that has them.

Reads a list of paths as JSON from stdin, and writes what is wrong with each, an empty text for nothing.
"""

import json
import sys
from pathlib import Path

import yaml
from google.protobuf import json_format
from kfp import components
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes
from kfp.pipeline_spec import pipeline_spec_pb2 as spec


def check(path):
    text = Path(path).read_text(encoding="utf-8")
    try:
        pipeline, *platform = yaml.safe_load_all(text)
        json_format.ParseDict(pipeline, spec.PipelineSpec())
        for executor in pipeline["deploymentSpec"]["executors"].values():
            json_format.ParseDict(executor, spec.PipelineDeploymentConfig.ExecutorSpec())
        for document in platform:
            json_format.ParseDict(document, spec.PlatformSpec())
            for config in document["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
                json_format.ParseDict(config, kubernetes.KubernetesExecutorConfig())
        components.load_component_from_text(text)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        return f"{type(error).__name__}: {error}"
    return ""


json.dump([check(path) for path in json.load(sys.stdin)], sys.stdout)
