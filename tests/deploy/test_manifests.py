"""What is deployed is what the engines take, as far as can be told without one; `make drill` tries it on a cluster."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings
from tests.servers import REPO, ServiceProcess

KUBERNETES = REPO / "deploy/kubernetes/base.yml"
STACK = REPO / "deploy/stack.yml"


def validated(file: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("kubernetes-validate")), "--strict", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def kinds() -> dict[str, Any]:
    return {one["kind"]: one for one in yaml.safe_load_all(KUBERNETES.read_text())}


def test_kubernetes_takes_the_base_and_would_not_take_a_broken_one(tmp_path: Path) -> None:
    done = validated(KUBERNETES)
    assert done.returncode == 0, done.stderr
    broken = tmp_path / "base.yml"
    broken.write_text(KUBERNETES.read_text().replace("maxUnavailable: 0", "maxUnavailible: 0"))
    assert validated(broken).returncode != 0


def test_all_of_the_base_is_about_the_same_pods(kinds: dict[str, Any]) -> None:
    labels = kinds["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert kinds["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert kinds["Service"]["spec"]["selector"] == labels
    assert kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert kinds["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == kinds["Deployment"]["metadata"]["name"]


@pytest.mark.parametrize("file", [REPO / "docker-compose.yml", STACK], ids=lambda file: file.stem)
def test_containers_get_every_setting_and_the_time_to_stop(file: Path) -> None:
    service = yaml.safe_load(file.read_text())["services"]["service"]
    passed = {name.removeprefix("DIGITS_").lower() for name in service["environment"] if name.startswith("DIGITS_")}
    assert passed - {"model_store"} == Settings.model_fields.keys() - {"model_store", "host", "port"}
    settings = Settings()
    assert int(service["stop_grace_period"].removesuffix("s")) > settings.drain_seconds + settings.shutdown_seconds


def test_kubernetes_sets_nothing_by_itself(kinds: dict[str, Any]) -> None:
    """A Service called digits would set DIGITS_PORT, which the service reads; who applies again sets no replicas."""
    assert kinds["Service"]["metadata"]["name"] == "digits"
    assert kinds["Deployment"]["spec"]["template"]["spec"]["enableServiceLinks"] is False
    assert "replicas" not in kinds["Deployment"]["spec"]


@pytest.mark.parametrize("file", [REPO / "docker-compose.yml", STACK], ids=lambda file: file.stem)
def test_health_is_asked_past_any_proxy(file: Path, service: ServiceProcess) -> None:
    _, _, *question = yaml.safe_load(file.read_text())["services"]["service"]["healthcheck"]["test"]
    question[-1] = question[-1].replace("http://127.0.0.1:8000", service.url)
    nowhere = os.environ | {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    assert subprocess.run([sys.executable, *question], env=nowhere, check=False).returncode == 0


def test_settings_that_are_deployed_exist(kinds: dict[str, Any]) -> None:
    stack = yaml.safe_load(STACK.read_text())["services"]["service"]["environment"]
    named = {name for name in (*stack, *kinds["ConfigMap"]["data"]) if name.startswith("DIGITS_")}
    assert named
    assert {name.removeprefix("DIGITS_").lower() for name in named} <= set(Settings.model_fields)


def test_probes_ask_what_the_service_answers(kinds: dict[str, Any]) -> None:
    [container] = kinds["Deployment"]["spec"]["template"]["spec"]["containers"]
    asked = {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert asked == {"/health/ready", "/health/live"}
    stack = yaml.safe_load(STACK.read_text())["services"]
    assert "/health/ready" in stack["service"]["healthcheck"]["test"][-1]
    assert "GET /health/ready" in (REPO / "deploy/haproxy/haproxy.cfg").read_text()


def test_nothing_has_rights_it_does_not_need(kinds: dict[str, Any]) -> None:
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    context = pod["containers"][0]["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert context["readOnlyRootFilesystem"]
    assert (context["allowPrivilegeEscalation"], context["capabilities"]["drop"]) == (False, ["ALL"])
    service = yaml.safe_load(STACK.read_text())["services"]["service"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
