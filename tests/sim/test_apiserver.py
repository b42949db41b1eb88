from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import yaml

from autoscaler.sim.access import Access
from autoscaler.sim.apiserver import ApiServer
from autoscaler.sim.resources import PODS
from autoscaler.sim.store import Store

WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
POD_LIST = "/api/v1/namespaces/shop/pods"


class TestWhoMay:
    async def test_nobody_without_a_token(self, client: Any) -> None:
        client.token = "wrong"
        status, body = await client.ask("GET", POD_LIST)
        assert (status, body["kind"], body["reason"]) == (401, "Status", "Unauthorized")

    async def test_a_reader_reads_and_does_not_write(self, client: Any) -> None:
        client.token = "reader"
        assert (await client.ask("GET", POD_LIST))[0] == 200
        status, body = await client.ask("DELETE", f"{POD_LIST}/a")
        assert status == 403
        assert body["message"] == (
            'pods "a" is forbidden: User "reader" cannot delete resource "pods" in API group "" in the namespace "shop"'
        )

    async def test_a_closed_namespace_is_closed_even_to_masters(self, client: Any, access: Access) -> None:
        access.forbidden.add("shop")
        assert (await client.ask("GET", POD_LIST))[0] == 403
        assert (await client.ask("GET", "/api/v1/pods"))[0] == 200

    async def test_reviews_answer_from_the_same_tables(self, client: Any) -> None:
        body = {"spec": {"token": "reader"}}
        status, review = await client.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body)
        assert (status, review["status"]["user"]["username"]) == (201, "reader")
        spec = {"user": "reader", "groups": ["readers"], "resourceAttributes": {"verb": "list", "resource": "pods"}}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews?timeout=10s"
        assert (await client.ask("POST", path, {"spec": spec}))[1]["status"] == {"allowed": True}


class TestScale:
    async def test_a_write_with_the_observed_version_is_taken_a_stale_one_is_not(self, client: Any) -> None:
        scale = await client.get(f"{WEB}/scale")
        scale["spec"]["replicas"] = 6
        status, after = await client.ask("PUT", f"{WEB}/scale", scale)
        assert (status, after["spec"]) == (200, {"replicas": 6})
        assert int(after["metadata"]["resourceVersion"]) > int(scale["metadata"]["resourceVersion"])
        status, refused = await client.ask("PUT", f"{WEB}/scale", scale)
        assert (status, refused["reason"]) == (409, "Conflict")
        assert (await client.get(WEB))["spec"]["replicas"] == 6

    async def test_somebody_else_may_be_faster(self, client: Any, server: ApiServer) -> None:
        scale = await client.get(f"{WEB}/scale")
        server.faults.conflicts = 1
        assert (await client.ask("PUT", f"{WEB}/scale", scale))[0] == 409
        assert (await client.ask("PUT", f"{WEB}/scale", await client.get(f"{WEB}/scale")))[0] == 200

    async def test_less_than_nothing_is_invalid(self, client: Any) -> None:
        status, body = await client.ask("PUT", f"{WEB}/scale", {"metadata": {}, "spec": {"replicas": -1}})
        assert (status, body["reason"]) == (422, "Invalid")
        assert body["details"]["causes"][0]["field"] == "spec.replicas"

    async def test_a_merge_patch_works_too(self, client: Any) -> None:
        status, after = await client.merge(f"{WEB}/scale", {"spec": {"replicas": 3}})
        assert (status, after["kind"], after["spec"]) == (200, "Scale", {"replicas": 3})


class TestObjects:
    async def test_a_life(self, client: Any) -> None:
        body = {"metadata": {"name": "notes"}, "data": {"a": "1"}}
        path = "/api/v1/namespaces/shop/configmaps"
        status, made = await client.ask("POST", path, body)
        assert (status, made["kind"], made["apiVersion"]) == (201, "ConfigMap", "v1")
        status, put = await client.ask("PUT", f"{path}/notes", {**made, "data": {"a": "2"}})
        assert (status, put["data"]) == (200, {"a": "2"})
        assert (await client.merge(f"{path}/notes", {"data": {"b": "3"}}))[1]["data"] == {"a": "2", "b": "3"}
        status, gone = await client.ask("DELETE", f"{path}/notes")
        assert (status, gone["status"]) == (200, "Success")
        status, missing = await client.ask("GET", f"{path}/notes")
        assert (status, missing["message"]) == (404, 'configmaps "notes" not found')

    async def test_status_is_written_beside_the_spec(self, client: Any) -> None:
        path = "/apis/hpa-companion.dev/v1alpha1/namespaces/shop/horizontalpodscalers"
        _, made = await client.ask("POST", path, {"metadata": {"name": "web"}, "spec": {"maxReplicas": 3}})
        changed = {**made, "spec": {"maxReplicas": 99}, "status": {"desiredReplicas": 2}}
        _, after = await client.ask("PUT", f"{path}/web/status", changed)
        assert (after["spec"], after["status"]) == ({"maxReplicas": 3}, {"desiredReplicas": 2})
        assert after["metadata"]["generation"] == 1

    async def test_another_patch_format_is_refused_with_the_one_that_works(self, client: Any) -> None:
        status, body = await client.ask("PATCH", WEB, [], "application/json-patch+json")
        assert status == 400
        status, body = await client.ask("PATCH", WEB, {}, "application/apply-patch+yaml")
        assert status == 415
        assert "merge-patch" in body["message"]

    @pytest.mark.parametrize(
        ("path", "status", "kind"),
        [
            pytest.param("/apis/apps/v1", 200, "APIResourceList", id="discovery"),
            pytest.param("/apis/apps/v1/elephants", 404, "Status", id="an unknown resource"),
            pytest.param("/apis/apps/v1/namespaces/shop/deployments/web/rocket", 404, "Status", id="a subresource"),
        ],
    )
    async def test_paths_without_objects(self, client: Any, path: str, status: int, kind: str) -> None:
        found, body = await client.ask("GET", path)
        assert (found, body["kind"]) == (status, kind)

    async def test_an_unknown_group_is_a_plain_404(self, client: Any) -> None:
        async with client.session.get(client.url + "/apis/none.dev/v1", headers=client.headers()) as answer:
            assert (answer.status, await answer.text()) == (404, "404 page not found\n")

    async def test_a_body_that_is_no_object_is_refused(self, client: Any) -> None:
        assert (await client.ask("POST", POD_LIST, [1, 2]))[0] == 400


class TestWatch:
    async def test_list_then_watch_loses_nothing(self, client: Any, store: Store) -> None:
        start = (await client.get(POD_LIST))["metadata"]["resourceVersion"]
        store.delete(PODS, "shop", "a")
        async with aclosing(client.watch(f"{POD_LIST}?watch=true&resourceVersion={start}")) as events:
            event = await anext(events)
        assert (event["type"], event["object"]["metadata"]["name"]) == ("DELETED", "a")

    async def test_too_old_is_said_inside_an_http_200(self, client: Any, store: Store) -> None:
        start = store.revision
        store.delete(PODS, "shop", "a")
        store.compact()
        events = [event async for event in client.watch(f"{POD_LIST}?watch=1&resourceVersion={start}")]
        assert [(event["type"], event["object"]["code"]) for event in events] == [("ERROR", 410)]

    async def test_a_quiet_watch_gets_bookmarks(self, client: Any, store: Store) -> None:
        path = f"{POD_LIST}?watch=1&resourceVersion={store.revision}&allowWatchBookmarks=true"
        async with aclosing(client.watch(path)) as events:
            assert (await anext(events))["type"] == "BOOKMARK"

    async def test_a_dropped_watch_breaks_in_the_middle(self, client: Any, server: ApiServer) -> None:
        async with aclosing(client.watch(f"{POD_LIST}?watch=1")) as events:
            for _ in range(3):
                assert (await anext(events))["type"] == "ADDED"
            server.drop_watches()
            with pytest.raises(aiohttp.ClientPayloadError):
                await anext(events)

    async def test_who_leaves_while_a_watch_begins_is_no_fault_of_ours(
        self, client: Any, server: ApiServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        trust = ssl.create_default_context(cadata=server.authority.pem)
        words = f"GET {POD_LIST}?watch=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {client.token}\r\n\r\n"
        for _ in range(5):
            _, writer = await asyncio.open_connection(server.host, server.port, ssl=trust)
            writer.write(words.encode())
            writer.close()
            await writer.wait_closed()
        assert (await client.ask("GET", POD_LIST))[0] == 200
        assert caplog.messages == []

    async def test_one_object_can_be_watched(self, client: Any) -> None:
        async with aclosing(client.watch(f"{POD_LIST}/b?watch=1")) as events:
            assert (await anext(events))["object"]["metadata"]["name"] == "b"


class TestMetadataAlone:
    async def test_lists_and_watches_leave_out_the_rest(self, client: Any) -> None:
        headers = {**client.headers(), "Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
        async with client.session.get(client.url + POD_LIST, headers=headers) as answer:
            items = (await answer.json())["items"]
        async with client.session.get(f"{client.url}{POD_LIST}?watch=1", headers=headers) as answer:
            event = orjson.loads(await answer.content.readline())
        assert [sorted(item) for item in [*items, event["object"]]] == [["apiVersion", "kind", "metadata"]] * 4


class TestTrouble:
    @pytest.mark.parametrize("code", [429, 500, 503])
    async def test_it_can_refuse_everything_for_a_while(self, client: Any, server: ApiServer, code: int) -> None:
        server.faults.refuse_with = code
        async with client.session.get(client.url + POD_LIST, headers=client.headers()) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (code, "1")
        server.faults.refuse_with = 0
        assert (await client.ask("GET", POD_LIST))[0] == 200

    async def test_a_restart_keeps_the_address_and_the_objects(self, client: Any, server: ApiServer) -> None:
        url = server.url
        await server.stop()
        with pytest.raises(aiohttp.ClientError):
            await client.get(POD_LIST)
        await server.start()
        assert server.url == url
        assert len((await client.get(POD_LIST))["items"]) == 3

    async def test_it_counts_what_is_asked(self, client: Any, server: ApiServer) -> None:
        await client.get(POD_LIST)
        await client.get("/version")
        assert server.requests == {"list pods": 1, "get /version": 1}


async def test_a_kubeconfig_has_address_authority_and_token(server: ApiServer, tmp_path: Path) -> None:
    path = server.kubeconfig(tmp_path / "kubeconfig", "admin")
    body: dict[str, Any] = yaml.safe_load(path.read_text())
    cluster: Callable[[str], Any] = body["clusters"][0]["cluster"].get
    assert cluster("server") == server.url
    assert base64.b64decode(cluster("certificate-authority-data")).decode() == server.authority.pem
    assert body["users"][0]["user"] == {"token": "admin"}
    assert path.stat().st_mode & 0o077 == 0
