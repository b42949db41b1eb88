from __future__ import annotations

import asyncio

import pytest

from autoscaler.sim.refusals import MODIFIED, RefusedError
from autoscaler.sim.resources import DEPLOYMENTS, NODES, POD_SCALERS, PODS
from autoscaler.sim.store import Preconditions, Store, merged


def version(item: dict) -> int:
    return int(item["metadata"]["resourceVersion"])


def web(store: Store) -> dict:
    return store.get(DEPLOYMENTS, "shop", "web")


class TestCreate:
    def test_gives_what_only_the_server_knows(self, store: Store) -> None:
        metadata = web(store)["metadata"]
        assert len(metadata["uid"]) == 36
        assert metadata["namespace"] == "shop"
        assert metadata["generation"] == 1
        assert metadata["creationTimestamp"].endswith("Z")

    def test_keeps_the_status_of_a_node_but_not_of_a_deployment(self, store: Store) -> None:
        node = store.create(NODES, "", {"metadata": {"name": "n"}, "status": {"phase": "x"}})
        assert node["status"] == {"phase": "x"}
        assert "status" not in web(store)

    def test_names_an_object_after_its_prefix(self, store: Store) -> None:
        made = store.create(PODS, "shop", {"metadata": {"generateName": "web-"}})
        assert made["metadata"]["name"].startswith("web-")

    @pytest.mark.parametrize(
        ("namespace", "metadata", "code", "text"),
        [
            pytest.param("shop", {"name": "a"}, 409, 'pods "a" already exists', id="the name is taken"),
            pytest.param("shop", {}, 422, "name or generateName is required", id="no name"),
            pytest.param("gone", {"name": "x"}, 404, 'namespaces "gone" not found', id="no such namespace"),
            pytest.param("shop", {"name": "x", "resourceVersion": "5"}, 400, "should not be set", id="with a version"),
            pytest.param("shop", None, 400, "no metadata", id="no metadata"),
        ],
    )
    def test_refuses(self, store: Store, namespace: str, metadata: dict | None, code: int, text: str) -> None:
        with pytest.raises(RefusedError, match=text) as caught:
            store.create(PODS, namespace, {"metadata": metadata} if metadata is not None else {})
        assert caught.value.code == code


class TestReplace:
    def test_moves_the_version_and_with_the_spec_the_generation(self, store: Store) -> None:
        before = web(store)
        after = store.replace(DEPLOYMENTS, "shop", "web", {**before, "spec": {"replicas": 3}})
        assert version(after) > version(before)
        assert after["metadata"]["generation"] == 2

    def test_a_change_of_labels_leaves_the_generation(self, store: Store) -> None:
        after = store.merge(DEPLOYMENTS, "shop", "web", {"metadata": {"labels": {"x": "y"}}})
        assert after["metadata"]["generation"] == 1

    def test_the_object_as_it_is_costs_no_version(self, store: Store) -> None:
        before = web(store)
        assert store.replace(DEPLOYMENTS, "shop", "web", before) is before

    def test_a_stale_version_conflicts_in_upstreams_words(self, store: Store) -> None:
        stale = web(store)
        store.scale(DEPLOYMENTS, "shop", "web", 7, Preconditions())
        with pytest.raises(RefusedError) as caught:
            store.replace(DEPLOYMENTS, "shop", "web", stale)
        assert caught.value.code == 409
        assert caught.value.message == f'Operation cannot be fulfilled on deployments.apps "web": {MODIFIED}'

    def test_another_uid_conflicts(self, store: Store) -> None:
        body = {"metadata": {"uid": "other"}, "spec": {}}
        with pytest.raises(RefusedError, match="UID in precondition: other"):
            store.replace(DEPLOYMENTS, "shop", "web", body)

    def test_the_spec_does_not_pass_through_status_nor_the_other_way(self, store: Store) -> None:
        body = {"metadata": {}, "spec": {"replicas": 5}, "status": {"replicas": 4}}
        assert store.replace(DEPLOYMENTS, "shop", "web", body, "status")["spec"]["replicas"] == 2
        assert store.replace(DEPLOYMENTS, "shop", "web", body)["status"] == {"replicas": 4}

    def test_a_custom_resource_must_say_what_it_replaces(self, store: Store) -> None:
        store.create(POD_SCALERS, "shop", {"metadata": {"name": "web"}, "spec": {}})
        with pytest.raises(RefusedError, match="must be specified for an update") as caught:
            store.replace(POD_SCALERS, "shop", "web", {"metadata": {"name": "web"}})
        assert caught.value.code == 422

    def test_the_name_in_the_body_must_be_that_of_the_path(self, store: Store) -> None:
        with pytest.raises(RefusedError, match="does not match the name on the URL"):
            store.replace(PODS, "shop", "a", {"metadata": {"name": "b"}})


class TestScaleAndDelete:
    def test_scale_with_the_observed_version_counts_as_a_change_of_the_spec(self, store: Store) -> None:
        wanted = Preconditions(resource_version=web(store)["metadata"]["resourceVersion"])
        after = store.scale(DEPLOYMENTS, "shop", "web", 7, wanted)
        assert after["spec"]["replicas"] == 7
        assert after["spec"]["selector"] == {"matchLabels": {"app": "web"}}
        assert after["metadata"]["generation"] == 2
        with pytest.raises(RefusedError, match=MODIFIED):
            store.scale(DEPLOYMENTS, "shop", "web", 8, wanted)

    def test_graceful_deletion_leaves_the_object_for_a_while(self, store: Store) -> None:
        assert "deletionTimestamp" in store.mark_deleted(PODS, "shop", "a")["metadata"]
        store.delete(PODS, "shop", "a")
        with pytest.raises(RefusedError, match='pods "a" not found'):
            store.get(PODS, "shop", "a")

    def test_delete_checks_the_uid(self, store: Store) -> None:
        with pytest.raises(RefusedError, match="UID in precondition"):
            store.delete(PODS, "shop", "a", Preconditions(uid="other"))


class TestHistory:
    def test_changes_come_in_order_with_what_was_before(self, store: Store) -> None:
        start = store.revision
        store.merge(PODS, "shop", "a", {"metadata": {"labels": {"app": "cart"}}})
        store.delete(PODS, "shop", "b")
        changed, deleted = store.changes(PODS, start)
        assert (changed.type, changed.before["metadata"]["labels"]) == ("MODIFIED", {"app": "web"})
        assert (deleted.type, version(deleted.after)) == ("DELETED", store.revision)

    def test_a_version_beyond_the_window_is_too_old(self, store: Store) -> None:
        start = store.revision
        for number in range(51):
            store.merge(PODS, "shop", "a", {"metadata": {"labels": {"n": str(number)}}})
        with pytest.raises(RefusedError, match=f"too old resource version: {start} ") as caught:
            store.changes(PODS, start)
        assert (caught.value.code, caught.value.reason) == (410, "Expired")
        assert len(store.changes(PODS, start + 1)) == 50

    def test_compaction_forgets_changes_and_snapshots(self, store: Store) -> None:
        start = store.revision
        store.freeze(PODS)
        store.delete(PODS, "shop", "a")
        assert len(store.snapshot(PODS, start)) == 3
        store.compact()
        assert store.snapshot(PODS, start) is None
        with pytest.raises(RefusedError, match="too old"):
            store.changes(PODS, start)

    async def test_a_writer_wakes_those_who_wait(self, store: Store) -> None:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(store.written())
            await asyncio.sleep(0)
            assert not waiting.done()
            store.delete(PODS, "shop", "a")


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        pytest.param({"a": 1, "b": 2}, {"a": None}, {"b": 2}, id="null removes a member"),
        pytest.param({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}, id="objects are merged"),
        pytest.param({"a": [1, 2]}, {"a": [3]}, {"a": [3]}, id="a list replaces the list"),
        pytest.param({"a": 1}, {"a": {"b": None}}, {"a": {}}, id="an object replaces a number"),
        pytest.param({}, {"a": None}, {}, id="removing what is not there"),
    ],
)
def test_merge_patch_follows_rfc_7386(target: dict, patch: dict, result: dict) -> None:
    assert merged(target, patch) == result
