"""What is deployed, held against the schemas of those who read it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from brim.core.references import is_reference

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = [
    document
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(file.read_text())
]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda m: m["kind"])
def test_a_manifest_fits_the_schema_of_kubernetes(manifest):
    kubernetes_validate.validate(manifest, "1.31", strict=True)


def test_the_deployment_has_the_replicas_probes_and_sizes_of_the_guide():
    kinds = {manifest["kind"]: manifest for manifest in MANIFESTS}
    assert {
        "Deployment",
        "Service",
        "PodDisruptionBudget",
        "HorizontalPodAutoscaler",
        "ConfigMap",
    } <= kinds.keys()
    deployment = kinds["Deployment"]["spec"]
    [container] = deployment["template"]["spec"]["containers"]
    assert deployment["replicas"] == 3
    assert container["resources"] == {
        "requests": {"memory": "256Mi", "cpu": "250m"},
        "limits": {"memory": "512Mi", "cpu": "500m"},
    }
    assert container["readinessProbe"]["httpGet"]["path"] == "/readiness"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health"
    grace_s = float(kinds["ConfigMap"]["data"]["BRIM_SERVE_GRACE_S"])
    assert deployment["template"]["spec"]["terminationGracePeriodSeconds"] > grace_s


def test_compose_fits_its_schema():
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            str(DEPLOY / "compose.yaml"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_secret_stands_in_a_file_that_is_deployed():
    for manifest in MANIFESTS:
        assert manifest["kind"] != "Secret"
        for name, value in (manifest.get("data") or {}).items() if manifest["kind"] == "ConfigMap" else ():
            if re.search("(KEY|TOKEN|PASSWORD|DSN)$", name):
                assert is_reference(value), f"{name} stands in a ConfigMap: {value}"
    for name, service in yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].items():
        for variable, value in service.get("environment", {}).items():
            if re.search("(KEY|TOKEN|PASSWORD|DSN)$", variable):
                assert str(value).startswith("${"), (name, variable)


def test_the_secrets_that_are_named_by_reference_are_mounted_there():
    [pod] = [
        manifest["spec"]["template"]["spec"] for manifest in MANIFESTS if manifest["kind"] == "Deployment"
    ]
    [settings] = [manifest["data"] for manifest in MANIFESTS if manifest["kind"] == "ConfigMap"]
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    mounted = {
        f"file:{mounts[volume['name']]}/{item['path']}"
        for volume in pod["volumes"]
        for item in volume.get("secret", {}).get("items", ())
    }
    named = {value for value in settings.values() if is_reference(value)}
    assert named == mounted and len(named) == 2


def test_the_password_of_the_database_comes_where_its_client_takes_it():
    """A password file that others may read is passed over, and so are all that are mounted."""
    deployed = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    compose = deployed["brim"]["environment"]
    [pod] = [
        manifest["spec"]["template"]["spec"] for manifest in MANIFESTS if manifest["kind"] == "Deployment"
    ]
    [settings] = [manifest["data"] for manifest in MANIFESTS if manifest["kind"] == "ConfigMap"]
    variables = {one["name"]: one for one in pod["containers"][0]["env"]}

    assert "passfile" not in compose["BRIM_STORE"] + settings["BRIM_STORE"]
    assert variables["PGPASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "brim-secrets"
    assert compose["PGPASSWORD"] == deployed["postgres"]["environment"]["POSTGRES_PASSWORD"]


def test_the_keys_of_callers_are_made_by_the_user_who_reads_them():
    """`brim keys` keeps its file from all others, so one that was made outside cannot be read inside."""
    brim = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["brim"]
    assert brim["volumes"] == ["brim:/var/lib/brim"] and "BRIM_SERVE_KEYS" not in brim["environment"]


def test_requirements_are_pinned_with_hashes_and_name_no_registry():
    text = (DEPLOY / "requirements.txt").read_text()
    assert "://" not in text and "index" not in text
    blocks = re.findall(
        r"^([A-Za-z0-9_.-]+)(\[[^\]]*\])?==(\S+)(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert len(blocks) > 30
    for name, _, _, rest in blocks:
        assert "--hash=sha256:" in rest, name
    pinned = {name.lower().replace("_", "-") for name, *_ in blocks}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["serve"]]
    for requirement in wanted:
        assert re.match(r"[A-Za-z0-9_.-]+", requirement).group(0).lower().replace("_", "-") in pinned


def test_the_image_is_built_of_what_the_wheel_is_built_of():
    text = (DEPLOY / "Dockerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = set(project["tool"]["setuptools"]["package-dir"].values())
    assert set(re.findall(r"^COPY (\w+) \./\w+$", text, re.MULTILINE)) == folders
    assert re.search(r"^USER \d+$", text, re.MULTILINE) and "HEALTHCHECK" in text
