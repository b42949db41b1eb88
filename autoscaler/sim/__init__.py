"""The world outside in one process: API server, kubelets and workloads; no scaling arithmetic."""
