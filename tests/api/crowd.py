"""Many pods, and what the server counted of those who asked for them."""

from msgspec import structs

from autoscaler.model.objects import Pod
from tests.api.cluster import Cluster, pod_usage
from tests.api.world import World


def many(count: int, label: str = "web") -> Cluster:
    cluster = Cluster()
    for number in range(count):
        pod = Pod(namespace="shop", name=f"web-{number:06}", uid=str(number), labels={"app": label})
        cluster.pod_list.append(pod)
    usage = pod_usage(Pod(namespace="shop", name="web"), ("main", 1, 1))
    cluster.usages = {("shop", pod.name): structs.replace(usage, pod=pod.name) for pod in cluster.pod_list}
    return cluster


def counted(world: World, resource: str, verb: str, code: str) -> float | None:
    labels = {"resource": resource, "verb": verb, "code": code}
    return world.telemetry.registry.get_sample_value("autoscaler_api_requests_total", labels)
