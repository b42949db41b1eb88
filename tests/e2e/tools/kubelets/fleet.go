package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/cmd/kubelet/app"
	kubeletoptions "k8s.io/kubernetes/cmd/kubelet/app/options"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/server"
)

// housekeeping is how often usage is integrated: the error of a step in load, not the interval of samples.
const housekeeping = 250 * time.Millisecond

// fleet runs one kubelet per Node.
type fleet struct {
	ctx      context.Context
	client   kubernetes.Interface
	pair     tls.Certificate
	clientCA string
	pods     cache.Indexer
	interval time.Duration

	mu      sync.Mutex
	running map[string]*kubelet
}

func (f *fleet) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { f.follow(object.(*v1.Node)) },
		// A Node may get its address only after it was made.
		UpdateFunc: func(_, object any) { f.follow(object.(*v1.Node)) },
		DeleteFunc: func(object any) {
			if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = tombstone.Obj
			}
			f.stop(object.(*v1.Node).Name)
		},
	}
}

// follow starts the kubelet of node unless it runs or has no address yet.
func (f *fleet) follow(node *v1.Node) {
	address := kubeletAddress(node)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.running[node.Name]; ok || address == "" {
		return
	}
	kubelet, err := f.start(node.Name, address)
	if err != nil {
		log.Fatalf("kubelet of %s: %v", node.Name, err)
	}
	f.running[node.Name] = kubelet
}

func (f *fleet) stop(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if kubelet, ok := f.running[name]; ok {
		delete(f.running, name)
		_ = kubelet.http.Close()
	}
}

// sample keeps every kubelet's counters moving until ctx ends, scraped or not.
func (f *fleet) sample(ctx context.Context) {
	tick := time.NewTicker(housekeeping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			f.mu.Lock()
			for _, kubelet := range f.running {
				kubelet.meters.advance(now, kubelet.podsHere())
			}
			f.mu.Unlock()
		}
	}
}

// start listens on address with the defaults of the real kubelet and with all its demands on a client.
func (f *fleet) start(name, address string) (*kubelet, error) {
	config, err := kubeletoptions.NewKubeletConfiguration()
	if err != nil {
		return nil, err
	}
	config.Authentication.Anonymous.Enabled = false
	config.Authentication.Webhook.Enabled = true
	config.Authentication.X509.ClientCAFile = f.clientCA
	config.Authorization.Mode = kubeletconfig.KubeletAuthorizationModeWebhook
	config.EnableDebuggingHandlers = true
	auth, watchCA, err := app.BuildAuth(types.NodeName(name), f.client, *config)
	if err != nil {
		return nil, err
	}
	watchCA(f.ctx.Done())
	k := &kubelet{name: name, pods: f.pods, meters: newMeters(time.Now(), f.interval)}
	handler := server.NewServer(f.ctx, k, k, nil, nil, auth, config)
	k.http = &http.Server{
		Addr: address, Handler: &handler, IdleTimeout: 90 * time.Second, ReadTimeout: 4 * time.Hour, WriteTimeout: 4 * time.Hour, MaxHeaderBytes: 1 << 20,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{f.pair}, ClientAuth: tls.RequestClientCert},
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	go func() {
		if err := k.http.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			log.Fatalf("kubelet of %s: %v", name, err)
		}
	}()
	return k, nil
}

// kubeletAddress is host:port of a Node's kubelet, "" while the Node does not tell.
func kubeletAddress(node *v1.Node) string {
	port := node.Status.DaemonEndpoints.KubeletEndpoint.Port
	for _, address := range node.Status.Addresses {
		if address.Type == v1.NodeInternalIP && port != 0 {
			return net.JoinHostPort(address.Address, fmt.Sprint(port))
		}
	}
	return ""
}
