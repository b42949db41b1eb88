"""Serves metrics.k8s.io behind kube-aggregator."""
