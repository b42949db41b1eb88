"""Everything said to, and heard from, the API server and the kubelets."""
