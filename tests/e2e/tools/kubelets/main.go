// Kubelets serves, for every Node of a cluster, a kubelet's HTTPS port made of the kubelet's own packages: TLS, X.509 and
// TokenReview authentication, SubjectAccessReview authorization, /metrics/resource, /stats/summary, HTTP/2 and gzip are the
// real code. Only the usage is made up, from pod annotations (meter.go). It also binds new pods to nodes (binder.go).
//
// A kubelet listens where its Node says: InternalIP and status.daemonEndpoints.kubeletEndpoint.Port. Adding a Node starts
// one, deleting the Node stops it.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"log"
	"os/signal"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const byNode = "node"

type options struct {
	kubeconfig, certificate, key, clientCA string
	sampleInterval                         time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "how to reach the API server, as a user who may do everything the kubelets need")
	flag.StringVar(&o.certificate, "certificate", "", "serving certificate of all kubelets, with their addresses as IP SANs")
	flag.StringVar(&o.key, "key", "", "its key")
	flag.StringVar(&o.clientCA, "client-ca", "", "CA of client certificates")
	flag.DurationVar(&o.sampleInterval, "sample-interval", 10*time.Second, "time between two samples of a container, as cAdvisor's housekeeping")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, o options) error {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 500, 1000
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(o.certificate, o.key)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods, nodes := factory.Core().V1().Pods().Informer(), factory.Core().V1().Nodes().Informer()
	if err := pods.AddIndexers(cache.Indexers{byNode: nodeOf}); err != nil {
		return err
	}
	fleet := &fleet{ctx: ctx, client: client, pair: pair, clientCA: o.clientCA, pods: pods.GetIndexer(), interval: o.sampleInterval, running: map[string]*kubelet{}}
	if _, err := nodes.AddEventHandler(fleet.handler()); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	// Only now: a pod that comes before the first node is known would stay unbound.
	binder := &binder{client: client, nodes: nodes.GetIndexer(), given: map[string]int{}}
	if _, err := pods.AddEventHandler(binder.handler(ctx)); err != nil {
		return err
	}
	log.Print("kubelets follow the nodes of the cluster")
	fleet.sample(ctx)
	return nil
}

func nodeOf(object any) ([]string, error) {
	pod, ok := object.(*v1.Pod)
	if !ok {
		return nil, fmt.Errorf("%T is no Pod", object)
	}
	return []string{pod.Spec.NodeName}, nil
}
