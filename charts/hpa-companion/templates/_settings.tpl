{{/* What the program is set to, as its flags; the Deployment makes variables of them. */}}
{{- define "hpa-companion.settings" -}}
- --secure-port={{ .Values.securePort }}
{{- if include "hpa-companion.issues" . }}
- --cert-dir=/etc/hpa-companion/tls
- --tls-issue-secret-name={{ include "hpa-companion.servingSecret" . }}
- --tls-issue-service={{ include "hpa-companion.fullname" . }}
- --tls-issue-namespace={{ .Release.Namespace }}
- --tls-issue-lifetime={{ .Values.tls.auto.lifetime }}
- --tls-issue-overlap={{ .Values.tls.auto.overlap }}
{{- else if include "hpa-companion.unverified" . }}
- --cert-dir=/etc/hpa-companion/tls
{{- else }}
- --tls-cert-file=/etc/hpa-companion/tls/tls.crt
- --tls-private-key-file=/etc/hpa-companion/tls/tls.key
{{- end }}
- --shutdown-delay-duration={{ .Values.shutdownDelay }}
- --metric-resolution={{ .Values.kubelet.resolution }}
- --hot-resolution={{ .Values.kubelet.hotResolution }}
- --kubelet-source={{ .Values.kubelet.source }}
- --kubelet-port={{ .Values.kubelet.port }}
{{- if .Values.kubelet.useNodeStatusPort }}
- --kubelet-use-node-status-port
{{- end }}
- --kubelet-preferred-address-types={{ join "," .Values.kubelet.preferredAddressTypes }}
{{- with .Values.kubelet.nodeSelector }}
- {{ printf "--node-selector=%s" . | quote }}
{{- end }}
{{- if .Values.kubelet.certificateAuthority.configMap }}
- --kubelet-certificate-authority=/etc/hpa-companion/kubelet{{ with .Values.kubelet.certificateAuthority.key }}/{{ . }}{{ end }}
{{- end }}
- --kubelet-tls-server-name={{ .Values.kubelet.tlsServerName }}
{{- with .Values.kubelet.insecureTLSNodes }}
- {{ printf "--kubelet-insecure-tls-nodes=%s" . | quote }}
{{- end }}
{{- if .Values.kubelet.insecureTLS }}
- --kubelet-insecure-tls
{{- end }}
{{- with include "hpa-companion.scraper" . }}
- --kubelet-token-account={{ $.Release.Namespace }}/{{ . }}
{{- end }}
- --protected-namespaces={{ append .Values.scaling.protectedNamespaces .Release.Namespace | uniq | join "," }}
- --sync-period={{ .Values.scaling.syncPeriod }}
- --compat={{ .Values.scaling.compat }}
{{- if or (eq .Values.mode "observe") .Values.scaling.observeHpas }}
- --observe-hpas
{{- end }}
- --evaluation-interval={{ .Values.scaling.evaluationInterval }}
{{- if include "hpa-companion.elects" . }}
- --leader-elect
- --leader-elect-resource-namespace={{ .Release.Namespace }}
- --leader-elect-resource-name={{ include "hpa-companion.fullname" . }}
- --leader-elect-lease-duration={{ .Values.leaderElection.leaseDuration }}
- --leader-elect-renew-deadline={{ .Values.leaderElection.renewDeadline }}
- --leader-elect-retry-period={{ .Values.leaderElection.retryPeriod }}
{{- end }}
- --audit-spool-dir=/var/lib/hpa-companion/spool
- --audit-spool-max-bytes={{ .Values.audit.spool.maxBytes }}
- --audit-full={{ .Values.audit.full }}
{{- if .Values.audit.kafka.bootstrapServers }}
{{- include "hpa-companion.kafkaFlags" $ | nindent 0 }}
{{- with $.Values.audit.kafka.usageTopic }}
- --usage-topic={{ . }}
{{- end }}
{{- end }}
- --log-level={{ .Values.log.level }}
- --log-format={{ .Values.log.format }}
{{- end -}}
