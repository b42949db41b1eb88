package main

import (
	"context"
	"net/http"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/kubernetes/pkg/kubelet/server"
	"k8s.io/kubernetes/pkg/kubelet/server/stats"
)

// kubelet is what the kubelet's server asks for its answers. The embedded interfaces are nil: whatever is not defined here
// is not served here.
type kubelet struct {
	server.HostInterface
	stats.ResourceAnalyzer
	name   string
	pods   cache.Indexer
	meters *meters
	http   *http.Server
}

func (k *kubelet) Start(context.Context)                   {}
func (k *kubelet) SyncLoopHealthCheck(*http.Request) error { return nil }
func (k *kubelet) GetPods() []*v1.Pod                      { return k.podsHere() }

// Get answers /stats/summary.
func (k *kubelet) Get(context.Context, bool) (*statsapi.Summary, error) {
	return k.meters.summary(k.name, k.podsHere()), nil
}

// GetCPUAndMemoryStats answers /metrics/resource and /stats/summary?only_cpu_and_memory=true.
func (k *kubelet) GetCPUAndMemoryStats(context.Context) (*statsapi.Summary, error) {
	return k.meters.summary(k.name, k.podsHere()), nil
}

// podsHere are the pods that have running containers on this node.
func (k *kubelet) podsHere() []*v1.Pod {
	objects, err := k.pods.ByIndex(byNode, k.name)
	if err != nil {
		return nil
	}
	var here []*v1.Pod
	for _, object := range objects {
		if pod := object.(*v1.Pod); pod.Status.Phase == v1.PodRunning && pod.DeletionTimestamp == nil {
			here = append(here, pod)
		}
	}
	return here
}
