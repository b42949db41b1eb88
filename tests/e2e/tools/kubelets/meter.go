package main

import (
	"hash/fnv"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// Annotations of a pod: what each of its containers uses from now on, as quantities.
const (
	cpuAnnotation    = "sim/cpu"
	memoryAnnotation = "sim/memory"
)

// What a container without annotations, and a node without pods, use.
const (
	idleCores, idleMemory = 0.010, 20 << 20
	nodeCores, nodeMemory = 0.050, 200 << 20
)

// meter is the counter of one container or node: integrated all the time, shown as of its last sample only.
type meter struct {
	started, integrated, due time.Time
	coreSeconds              float64
	sampled                  time.Time // zero: no sample yet, a real page has no line for it
	shownCoreSeconds         float64
	shownMemory              uint64
}

// newMeter gives every meter a phase of its own within interval, as cAdvisor's housekeeping does.
func newMeter(name string, now time.Time, interval time.Duration) *meter {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name))
	return &meter{started: now, integrated: now, due: now.Add(time.Duration(hash.Sum32()) % interval)}
}

func (m *meter) advance(now time.Time, cores float64, memory uint64, interval time.Duration) {
	m.coreSeconds += now.Sub(m.integrated).Seconds() * cores
	m.integrated = now
	if now.Before(m.due) {
		return
	}
	m.sampled, m.shownCoreSeconds, m.shownMemory = now, m.coreSeconds, memory
	for !m.due.After(now) {
		m.due = m.due.Add(interval)
	}
}

func (m *meter) stats() (*statsapi.CPUStats, *statsapi.MemoryStats) {
	nanos, memory := uint64(m.shownCoreSeconds*1e9), m.shownMemory
	at := metav1.NewTime(m.sampled)
	return &statsapi.CPUStats{Time: at, UsageCoreNanoSeconds: &nanos}, &statsapi.MemoryStats{Time: at, WorkingSetBytes: &memory}
}

// meters are all the meters of one node.
type meters struct {
	interval   time.Duration
	mu         sync.Mutex
	node       *meter
	containers map[string]*meter
}

func newMeters(now time.Time, interval time.Duration) *meters {
	return &meters{interval: interval, node: newMeter("", now, interval), containers: map[string]*meter{}}
}

// advance integrates until now and forgets containers that are gone. The node's counter keeps what they used.
func (m *meters) advance(now time.Time, pods []*v1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	cores, memory := nodeCores, uint64(nodeMemory)
	seen := map[string]bool{}
	for _, pod := range pods {
		podCores, podMemory := amount(pod, cpuAnnotation, idleCores), uint64(amount(pod, memoryAnnotation, idleMemory))
		for _, container := range pod.Spec.Containers {
			name := meterName(pod, container.Name)
			seen[name] = true
			if m.containers[name] == nil {
				m.containers[name] = newMeter(name, now, m.interval)
			}
			m.containers[name].advance(now, podCores, podMemory, m.interval)
			cores, memory = cores+podCores, memory+podMemory
		}
	}
	for name := range m.containers {
		if !seen[name] {
			delete(m.containers, name)
		}
	}
	m.node.advance(now, cores, memory, m.interval)
}

// summary is what the kubelet knows, container by container; without a sample there is no entry.
func (m *meters) summary(node string, pods []*v1.Pod) *statsapi.Summary {
	m.mu.Lock()
	defer m.mu.Unlock()
	summary := &statsapi.Summary{Node: statsapi.NodeStats{NodeName: node, StartTime: metav1.NewTime(m.node.started)}}
	if !m.node.sampled.IsZero() {
		summary.Node.CPU, summary.Node.Memory = m.node.stats()
	}
	for _, pod := range pods {
		if stats := m.podStats(pod); len(stats.Containers) > 0 {
			summary.Pods = append(summary.Pods, stats)
		}
	}
	return summary
}

func (m *meters) podStats(pod *v1.Pod) statsapi.PodStats {
	stats := statsapi.PodStats{
		PodRef:    statsapi.PodReference{Name: pod.Name, Namespace: pod.Namespace, UID: string(pod.UID)},
		StartTime: pod.CreationTimestamp,
	}
	whole := meter{}
	for _, container := range pod.Spec.Containers {
		one := m.containers[meterName(pod, container.Name)]
		if one == nil || one.sampled.IsZero() {
			continue
		}
		cpu, memory := one.stats()
		stats.Containers = append(stats.Containers, statsapi.ContainerStats{Name: container.Name, StartTime: metav1.NewTime(one.started), CPU: cpu, Memory: memory})
		whole.shownCoreSeconds, whole.shownMemory, whole.sampled = whole.shownCoreSeconds+one.shownCoreSeconds, whole.shownMemory+one.shownMemory, one.sampled
	}
	if len(stats.Containers) > 0 {
		stats.CPU, stats.Memory = whole.stats()
	}
	return stats
}

func meterName(pod *v1.Pod, container string) string {
	return string(pod.UID) + "/" + container
}

// amount is the annotation as a number; one that is absent or no quantity gives otherwise.
func amount(pod *v1.Pod, annotation string, otherwise float64) float64 {
	text, ok := pod.Annotations[annotation]
	if !ok {
		return otherwise
	}
	quantity, err := resource.ParseQuantity(text)
	if err != nil {
		return otherwise
	}
	return quantity.AsApproximateFloat64()
}
