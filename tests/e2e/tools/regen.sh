#!/bin/bash
# Renew go.mod and go.sum: regen.sh [v1.37.2]
#
# Kubernetes' own list of modules comes first, every other tool is held to it: one compile serves all of them. Versions of
# the other tools are at the end. Change this file rarely: another go.mod is a cold compile of about 8 minutes.
set -euo pipefail
cd "$(dirname "$0")"
kubernetes=${1:-v1.37.2}
staging=v0.${kubernetes#v1.}
export GOTOOLCHAIN=local GOFLAGS=-mod=mod

rm -f go.mod go.sum
source=$(go mod download -json "k8s.io/kubernetes@$kubernetes" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
staged=$(grep -oE 'k8s.io/[a-z-]+ => ./staging' "$source/go.mod" | cut -d' ' -f1 | sort -u)
pinned=$(awk '/^require/ {inside = 1; next} /^\)/ {inside = 0} inside {print $1, $2}' "$source/go.mod" | grep -vxFf <(sed 's/$/ v0.0.0/' <<<"$staged"))
etcd=$(awk '$1 == "go.etcd.io/etcd/client/v3" {print $2}' <<<"$pinned")

{
  echo "module local/harness"
  grep -E '^go ' "$source/go.mod"
  echo "require k8s.io/kubernetes $kubernetes"
  while read -r module; do echo "replace $module => $module $staging"; done <<<"$staged"
  while read -r module version; do echo "replace $module => $module $version"; done <<<"$pinned"
  for part in server pkg api client/pkg client; do echo "replace go.etcd.io/etcd/$part/v3 => go.etcd.io/etcd/$part/v3 $etcd"; done
} | awk '!/^replace/ || !seen[$2]++' >go.mod

go mod edit -require sigs.k8s.io/kwok@v0.8.0 -require sigs.k8s.io/metrics-server@v0.9.0 -require helm.sh/helm/v3@v3.22.0
for package in k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kubectl} go.etcd.io/etcd/server/v3 \
  sigs.k8s.io/kwok/cmd/kwok sigs.k8s.io/metrics-server/cmd/metrics-server helm.sh/helm/v3/cmd/helm; do
  go mod edit -tool "$package"
done
go mod tidy
