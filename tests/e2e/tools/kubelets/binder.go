package main

import (
	"context"
	"log"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// binder is all the scheduler a test needs: a new pod goes to the node that was given the fewest so far.
type binder struct {
	client kubernetes.Interface
	nodes  cache.Indexer
	given  map[string]int
}

func (b *binder) handler(ctx context.Context) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		// An informer calls a handler from one goroutine, so `given` needs no lock.
		AddFunc: func(object any) { b.bind(ctx, object.(*v1.Pod)) },
	}
}

func (b *binder) bind(ctx context.Context, pod *v1.Pod) {
	if pod.Spec.NodeName != "" || pod.DeletionTimestamp != nil {
		return
	}
	node := b.emptiest()
	if node == "" {
		log.Printf("no node for pod %s/%s", pod.Namespace, pod.Name)
		return
	}
	binding := &v1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID},
		Target:     v1.ObjectReference{Kind: "Node", Name: node},
	}
	err := b.client.CoreV1().Pods(pod.Namespace).Bind(ctx, binding, metav1.CreateOptions{})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		log.Printf("bind %s/%s: %v", pod.Namespace, pod.Name, err)
		return
	}
	b.given[node]++
}

// emptiest is the node that was given the fewest pods, the first by name among equals; "" without nodes.
func (b *binder) emptiest() string {
	best, fewest := "", 0
	for _, object := range b.nodes.List() {
		name := object.(*v1.Node).Name
		if count := b.given[name]; best == "" || count < fewest || (count == fewest && name < best) {
			best, fewest = name, count
		}
	}
	return best
}
