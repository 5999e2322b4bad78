"""The base for Kubernetes holds what Kubernetes knows, names what exists, and is confined like the Compose stack."""

from typing import Any

import kubernetes_validate
import pytest
import yaml
from deploy_files import PROD, ROOT, stages

from autotune_service.settings import GRACE_S, Settings
from autotune_wire import paths

FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OBJECTS = [part for name in KUSTOMIZATION["resources"] for part in yaml.safe_load_all((FOLDER / name).read_text())]
SETTINGS = dict(line.split("=", 1) for line in KUSTOMIZATION["configMapGenerator"][0]["literals"])
VERSIONS = ["1.30", "1.37"]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [each for each in OBJECTS if each["kind"] == kind]


def pods() -> dict[str, dict[str, Any]]:
    """The specifications of the pods, by the name of what starts them."""
    deployed = {each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in of_kind("Deployment")}
    (job,) = of_kind("CronJob")
    return {**deployed, job["metadata"]["name"]: job["spec"]["jobTemplate"]["spec"]["template"]["spec"]}


EACH_POD = pytest.mark.parametrize("pod", pods().values(), ids=list(pods()))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("found", OBJECTS, ids=lambda found: f"{found['kind']}-{found['metadata']['name']}")
def test_object_is_one_that_kubernetes_knows(found: dict[str, Any], version: str):
    kubernetes_validate.validate(found, version, strict=True)


def test_object_with_an_unknown_key_is_refused():
    (job,) = of_kind("CronJob")
    wrong = {**job, "spec": {**job["spec"], "scheduled": "1"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_every_file_is_used():
    files = {path.name for path in FOLDER.iterdir()} - {"kustomization.yaml"}
    assert set(KUSTOMIZATION["resources"]) == files


def test_images_are_those_of_the_dockerfile():
    used = {container["image"] for pod in pods().values() for container in pod["containers"]}
    assert used == {image["name"] for image in KUSTOMIZATION["images"]} == {"autotune-web", "autotune-worker"}
    assert {name.removeprefix("autotune-") for name in used} <= set(stages())


def test_settings_exist_and_secrets_come_as_files():
    assert {name.removesuffix("_FILE") for name in SETTINGS} <= {f"AUTOTUNE_{f.upper()}" for f in Settings.model_fields}
    for pod in pods().values():
        (container,) = pod["containers"]
        folders = {mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "secrets"}
        assert {SETTINGS[name].rpartition("/")[0] for name in SETTINGS if name.endswith("_FILE")} == folders


def test_web_process_answers_to_the_name_of_the_ingress():
    (ingress,) = of_kind("Ingress")
    (rule,), (tls,) = ingress["spec"]["rules"], ingress["spec"]["tls"]
    assert tls["hosts"] == [rule["host"]] == [SETTINGS["AUTOTUNE_ALLOWED_HOSTS"]]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"]["name"] in {each["metadata"]["name"] for each in of_kind("Service")}


def test_selectors_find_their_pods():
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in of_kind("Deployment")]
    for each in of_kind("Deployment"):
        assert each["spec"]["selector"]["matchLabels"] == each["spec"]["template"]["metadata"]["labels"]
        assert each["spec"]["replicas"] == 2
    assert [each["spec"]["selector"] in labels for each in of_kind("Service")] == [True]
    assert [each["spec"]["selector"]["matchLabels"] in labels for each in of_kind("PodDisruptionBudget")] == [True]


@EACH_POD
def test_pod_is_confined(pod: dict[str, Any]):
    security = pod["securityContext"]
    assert f"{security['runAsUser']}:{security['runAsGroup']}" == stages()["web"].of("USER")[0]
    assert security["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]


@EACH_POD
def test_volumes_that_a_container_mounts_are_there(pod: dict[str, Any]):
    (container,) = pod["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    claims = {v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v}
    assert claims <= {each["metadata"]["name"] for each in of_kind("PersistentVolumeClaim")}


def test_web_process_is_left_alone_before_it_stops():
    (container,) = pods()["web"]["containers"]
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pods()["web"]["terminationGracePeriodSeconds"] > pause + GRACE_S
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] == paths.HEALTH_LIVE


def test_memory_is_that_of_the_compose_stack():
    for pod, service in (("web", "web-1"), ("worker", "worker")):
        (container,) = pods()[pod]["containers"]
        limit = container["resources"]["limits"]["memory"]
        assert limit.lower().removesuffix("i") == PROD.services[service]["mem_limit"]
