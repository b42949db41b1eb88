#!/bin/sh
# Runs HPA Companion on this machine against the cluster of a kubeconfig, first looking at what it needs.
#
#   examples/run-against-kubeconfig.sh [KUBECONFIG]
#
# From outside the cluster kubectl top still asks whoever is registered as metrics.k8s.io; `autoscaler top` too. What you
# see here is scraping, scaling of HorizontalPodScalers, and the record of every decision.
set -eu

fail() {
  echo "$0: $1" >&2
  exit 2
}

[ $# -le 1 ] || fail "one kubeconfig at most, not $# arguments"
KUBECONFIG=${1:-${KUBECONFIG:-$HOME/.kube/config}}
case $KUBECONFIG in
*:*) ;; # a list of files, some of which may not be there
*) [ -f "$KUBECONFIG" ] && [ -r "$KUBECONFIG" ] || fail "$KUBECONFIG is no file that can be read: name a kubeconfig" ;;
esac
command -v autoscaler >/dev/null || fail "there is no autoscaler on the PATH: pip install . in the sources"
export KUBECONFIG
state=${XDG_STATE_HOME:-$HOME/.local/state}/hpa-companion

# Bad lines say what to do. The registration is bad on purpose here: nobody in the cluster can reach this machine.
autoscaler doctor --audit-spool-dir="$state/spool" || echo "going on all the same"

exec autoscaler run \
  --bind-address=127.0.0.1 \
  --secure-port=8443 \
  --metric-resolution=15s \
  --kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname \
  --audit-spool-dir="$state/spool" \
  --log-format=text
