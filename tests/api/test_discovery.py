from autoscaler.api.discovery import Discovery

ONE = Discovery(18500, ("v1beta1",))


def test_golden_documents_of_a_server_with_one_version() -> None:
    assert ONE.groups.body == (
        b'{"kind":"APIGroupList","groups":[{"name":"metrics.k8s.io","versions":[{"groupVersion":"metrics.k8s.io/v1beta1","version":"v1beta1"}],"preferredVersion":{"groupVersion":"metrics.k8s.io/v1beta1","version":"v1beta1"},"serverAddressByClientCIDRs":[{"clientCIDR":"0.0.0.0/0","serverAddress":":18500"}]}]}\n'
    )
    assert ONE.group.body == (
        b'{"kind":"APIGroup","apiVersion":"v1","name":"metrics.k8s.io","versions":[{"groupVersion":"metrics.k8s.io/v1beta1","version":"v1beta1"}],"preferredVersion":{"groupVersion":"metrics.k8s.io/v1beta1","version":"v1beta1"}}\n'
    )
    assert ONE.versions["v1beta1"].body == (
        b'{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"metrics.k8s.io/v1beta1","resources":[{"name":"nodes","singularName":"","namespaced":false,"kind":"NodeMetrics","verbs":["get","list","watch"]},{"name":"pods","singularName":"","namespaced":true,"kind":"PodMetrics","verbs":["get","list","watch"]}]}\n'
    )
    assert ONE.aggregated.body == (
        b'{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{"metadata":{"name":"metrics.k8s.io","creationTimestamp":null},"versions":[{"version":"v1beta1","resources":[{"resource":"nodes","responseKind":{"group":"","version":"","kind":"NodeMetrics"},"scope":"Cluster","singularResource":"","verbs":["get","list","watch"]},{"resource":"pods","responseKind":{"group":"","version":"","kind":"PodMetrics"},"scope":"Namespaced","singularResource":"","verbs":["get","list","watch"]}],"freshness":"Current"}]}]}\n'
    )


def test_both_versions_are_told_and_v1_is_preferred() -> None:
    both = Discovery(1)
    assert b'"preferredVersion":{"groupVersion":"metrics.k8s.io/v1","version":"v1"}' in both.groups.body
    assert list(both.versions) == ["v1", "v1beta1"]
    assert both.aggregated.body.count(b'"freshness":"Current"') == 2
