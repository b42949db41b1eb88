"""HPA Companion: metrics from every kubelet, scaling exactly as the HPA would, and a record of every decision."""

__version__ = "0.1.0"
