{{/* Name of every object, as it was chosen or as the release gives it. */}}
{{- define "hpa-companion.fullname" -}}
{{- $name := include "hpa-companion.chosen" . -}}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" $name) -}}
{{- fail (printf "fullnameOverride is needed with the release name %s: a Service called %s may have a-z, 0-9 and - only, and begins with a letter" .Release.Name $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* At most 63 characters, as a Service allows: of a longer one enough, and what tells it apart. */}}
{{- define "hpa-companion.chosen" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- $whole := printf "%s-%s" .Release.Name $name -}}
{{- if gt (len $whole) 63 -}}
{{- printf "%s-%s" ($whole | trunc 52 | trimSuffix "-") (sha256sum $whole | trunc 10) -}}
{{- else -}}
{{- $whole -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What selects our pods; it never changes between versions. */}}
{{- define "hpa-companion.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "hpa-companion.labels" -}}
{{ include "hpa-companion.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "hpa-companion.serviceAccount" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "hpa-companion.fullname" . -}}
{{- else if .Values.rbac.create -}}
{{- fail "serviceAccount.name is needed with serviceAccount.create false: the account `default` would give our rights to every pod of the namespace (name it, if that is meant)" -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{/* Account whose token kubelets are shown; "": the program's own. Asking for a token is a write, of a kind. */}}
{{- define "hpa-companion.scraper" -}}
{{- if and .Values.kubelet.ownAccount (ne .Values.mode "observe") -}}
{{- printf "%s-scraper" (include "hpa-companion.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* Secret of the serving certificate. Helm and cert-manager each make their own, or a change of mode would find it taken. */}}
{{- define "hpa-companion.servingSecret" -}}
{{- if eq .Values.tls.mode "existingSecret" -}}
{{- required "tls.existingSecret is needed with tls.mode existingSecret: a Secret of type kubernetes.io/tls, valid for <service>.<namespace>.svc" .Values.tls.existingSecret -}}
{{- else -}}
{{- with .Values.tls.existingSecret -}}
{{- fail (printf "tls.existingSecret is %s, but tls.mode is %s: set tls.mode to existingSecret, or leave the Secret out" . $.Values.tls.mode) -}}
{{- end -}}
{{- printf "%s-%s" (include "hpa-companion.fullname" .) (eq .Values.tls.mode "certManager" | ternary "serving-cert" "serving") -}}
{{- end -}}
{{- end -}}

{{/* CA of an existing Secret. */}}
{{- define "hpa-companion.caBundle" -}}
{{- required "tls.caBundle is needed with tls.mode existingSecret: the CA (PEM) that signed the certificate in tls.existingSecret, so that the API server can verify us (--set-file tls.caBundle=ca.crt)" .Values.tls.caBundle -}}
{{- end -}}

{{/* The digest wins, as it cannot be moved; a tag that was given stays beside it, for people. */}}
{{- define "hpa-companion.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s%s@%s" .Values.image.repository (empty .Values.image.tag | ternary "" (printf ":%s" .Values.image.tag)) .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What follows is "true" or "". An observer may write nothing, so neither a Lease nor a certificate is its own. */}}
{{- define "hpa-companion.elects" -}}
{{- if and .Values.leaderElection.enabled (ne .Values.mode "observe") -}}true{{- end -}}
{{- end -}}

{{/* Whether a certificate is issued in process and kept in our APIServices. */}}
{{- define "hpa-companion.issues" -}}
{{- if and (eq .Values.tls.mode "auto") (ne .Values.mode "observe") -}}true{{- end -}}
{{- end -}}

{{/* Whether a certificate is made that nobody else can verify: nothing is registered then. */}}
{{- define "hpa-companion.unverified" -}}
{{- if and (eq .Values.tls.mode "auto") (eq .Values.mode "observe") -}}true{{- end -}}
{{- end -}}

{{- define "hpa-companion.registers" -}}
{{- if and .Values.apiService.create (not (include "hpa-companion.unverified" .)) -}}true{{- end -}}
{{- end -}}

{{/* Whether the CA of what is issued is kept in our APIServices: those of others are none of our business. */}}
{{- define "hpa-companion.vouches" -}}
{{- if and (include "hpa-companion.issues" .) (include "hpa-companion.registers" .) -}}true{{- end -}}
{{- end -}}

{{/* Ports of the brokers that are named, as JSON. */}}
{{- define "hpa-companion.brokerPorts" -}}
{{- $ports := list -}}
{{- range .Values.audit.kafka.bootstrapServers -}}
{{- $ports = append $ports (regexFind "[0-9]+$" . | int) -}}
{{- end -}}
{{- toJson $ports -}}
{{- end -}}

{{/* How we prove to brokers who we are, as arguments; paths name the Secret and its key, and so do the errors. */}}
{{- define "hpa-companion.kafkaArguments" -}}
{{- $kafka := .Values.audit.kafka -}}
{{- $sasl := hasPrefix "SASL_" $kafka.securityProtocol -}}
{{- $tls := hasSuffix "SSL" $kafka.securityProtocol -}}
{{- $strimzi := eq $kafka.preset "strimzi" -}}
{{- $secret := $kafka.secret.name -}}
{{- $folder := printf "/etc/hpa-companion/kafka/%s" $secret -}}
{{- $certificate := $strimzi | ternary "user.crt" $kafka.secret.certificateKey -}}
{{- $key := $strimzi | ternary "user.key" $kafka.secret.privateKeyKey -}}
{{- $arguments := list (printf "--audit-kafka-security-protocol=%s" $kafka.securityProtocol) -}}
{{- if and $sasl (not $secret) -}}
{{- fail (printf "audit.kafka.secret.name is needed with audit.kafka.securityProtocol %s: a Secret with our name and password" $kafka.securityProtocol) -}}
{{- end -}}
{{- if and $secret (eq $kafka.securityProtocol "PLAINTEXT") -}}
{{- fail (printf "audit.kafka.secret.name is %s, but audit.kafka.securityProtocol is PLAINTEXT, which uses none: set it to SASL_SSL or SSL, or leave the Secret out" $secret) -}}
{{- end -}}
{{- if and $kafka.ca.secret (not $tls) -}}
{{- fail (printf "audit.kafka.ca.secret is %s, but audit.kafka.securityProtocol is %s, which verifies nobody: set it to SASL_SSL or SSL" $kafka.ca.secret $kafka.securityProtocol) -}}
{{- end -}}
{{- if and (eq $kafka.securityProtocol "SASL_PLAINTEXT") (eq $kafka.saslMechanism "PLAIN") -}}
{{- fail "audit.kafka.saslMechanism PLAIN would show the password to the network: set audit.kafka.securityProtocol to SASL_SSL" -}}
{{- end -}}
{{- if $sasl -}}
{{- $name := $strimzi | ternary "/etc/hpa-companion/kafka-user/username" (printf "%s/%s" $folder $kafka.secret.usernameKey) -}}
{{- $password := $strimzi | ternary "password" $kafka.secret.passwordKey -}}
{{- $arguments = concat $arguments (list (printf "--audit-kafka-sasl-mechanism=%s" $kafka.saslMechanism) (printf "--audit-kafka-username-file=%s" $name) (printf "--audit-kafka-password-file=%s/%s" $folder $password)) -}}
{{- else if and $tls $secret -}}
{{- $arguments = concat $arguments (list (printf "--audit-kafka-cert-file=%s/%s" $folder $certificate) (printf "--audit-kafka-key-file=%s/%s" $folder $key)) -}}
{{- end -}}
{{- if and $tls $kafka.ca.secret -}}
{{- $arguments = append $arguments (printf "--audit-kafka-ca-file=/etc/hpa-companion/kafka/%s/%s" $kafka.ca.secret $kafka.ca.key) -}}
{{- end -}}
{{- toJson $arguments -}}
{{- end -}}

{{/* Secrets those files are in, each once, as JSON. */}}
{{- define "hpa-companion.kafkaSecrets" -}}
{{- $kafka := .Values.audit.kafka -}}
{{- ternary (list $kafka.secret.name $kafka.ca.secret | compact | uniq) list (not (empty $kafka.bootstrapServers)) | toJson -}}
{{- end -}}

{{/* What Kafka is told and asked by, as lines of arguments. */}}
{{- define "hpa-companion.kafkaFlags" -}}
- --audit-kafka-bootstrap-servers={{ join "," .Values.audit.kafka.bootstrapServers }}
- --audit-topic={{ .Values.audit.kafka.topic }}
{{- range include "hpa-companion.kafkaArguments" . | fromJsonArray }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Whether the user's name is in a ConfigMap of ours. */}}
{{- define "hpa-companion.kafkaUser" -}}
{{- $kafka := .Values.audit.kafka -}}
{{- if and $kafka.bootstrapServers $kafka.secret.name (eq $kafka.preset "strimzi") (hasPrefix "SASL_" $kafka.securityProtocol) -}}true{{- end -}}
{{- end -}}

{{/* Where those files are in a container, and what they are of; lists, "" for none. */}}
{{- define "hpa-companion.kafkaMounts" -}}
{{- $mounts := list -}}
{{- range include "hpa-companion.kafkaSecrets" . | fromJsonArray -}}
{{- $mounts = append $mounts (dict "name" (printf "kafka-%s" (sha256sum . | trunc 10)) "mountPath" (printf "/etc/hpa-companion/kafka/%s" .) "readOnly" true) -}}
{{- end -}}
{{- if include "hpa-companion.kafkaUser" . -}}
{{- $mounts = append $mounts (dict "name" "kafka-user" "mountPath" "/etc/hpa-companion/kafka-user" "readOnly" true) -}}
{{- end -}}
{{- with $mounts }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{- define "hpa-companion.kafkaVolumes" -}}
{{- $volumes := list -}}
{{- range include "hpa-companion.kafkaSecrets" . | fromJsonArray -}}
{{- $volumes = append $volumes (dict "name" (printf "kafka-%s" (sha256sum . | trunc 10)) "secret" (dict "secretName" . "optional" true)) -}}
{{- end -}}
{{- if include "hpa-companion.kafkaUser" . -}}
{{- $volumes = append $volumes (dict "name" "kafka-user" "configMap" (dict "name" (printf "%s-kafka-user" (include "hpa-companion.fullname" .)))) -}}
{{- end -}}
{{- with $volumes }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* Fails when somebody else registered this APIService; a render without a cluster looks nothing up. */}}
{{- define "hpa-companion.unowned" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $found := lookup "apiregistration.k8s.io/v1" "APIService" "" $name -}}
{{- if and $found (not $root.Values.apiService.takeover) -}}
{{- $annotations := $found.metadata.annotations | default dict -}}
{{- $release := get $annotations "meta.helm.sh/release-name" -}}
{{- $namespace := get $annotations "meta.helm.sh/release-namespace" -}}
{{- if or (ne $release $root.Release.Name) (ne $namespace $root.Release.Namespace) -}}
{{- $service := $found.spec.service | default (dict "namespace" "" "name" "nobody") -}}
{{- $by := empty $release | ternary "not by Helm" (printf "by the Helm release %s in namespace %s" $release $namespace) -}}
{{- fail (printf "apiService: %s is registered for the Service %s/%s, %s. Remove that one first; or set apiService.create=false to install beside it (with mode=observe beside another release of ours); or, at the install, apiService.takeover=true with helm's --take-ownership, to have it serve from here (docs/from-metrics-server.md)" $name $service.namespace $service.name $by) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Fails when another release scales by HorizontalPodScalers too: each has a Lease of its own, so both would decide. */}}
{{- define "hpa-companion.alone" -}}
{{- $found := ne .Values.mode "observe" | ternary (lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" "") dict -}}
{{- range get $found "items" | default list -}}
{{- $annotations := .metadata.annotations | default dict -}}
{{- $release := get $annotations "meta.helm.sh/release-name" -}}
{{- $namespace := get $annotations "meta.helm.sh/release-namespace" -}}
{{- $other := or (ne $release $.Release.Name) (ne $namespace $.Release.Namespace) -}}
{{- if and $release $other (hasPrefix "hpa-companion-" (dig "labels" "helm.sh/chart" "" .metadata)) -}}
{{- range .rules -}}
{{- if and (has "horizontalpodscalers/status" (.resources | default list)) (has "update" .verbs) -}}
{{- fail (printf "mode: the release %s in namespace %s scales by HorizontalPodScalers already, and two would both decide. Set mode=observe, or uninstall that one first" $release $namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What `helm test` tries, by name, as JSON: what there is to try, and only where the account for it may be made. */}}
{{- define "hpa-companion.tests" -}}
{{- $tests := list -}}
{{- if include "hpa-companion.registers" . -}}{{- $tests = append $tests "metrics" -}}{{- end -}}
{{- if ne .Values.mode "observe" -}}{{- $tests = append $tests "policies" -}}{{- end -}}
{{- if include "hpa-companion.elects" . -}}{{- $tests = append $tests "lease" -}}{{- end -}}
{{- if .Values.audit.kafka.bootstrapServers -}}{{- $tests = append $tests "kafka" -}}{{- end -}}
{{- .Values.rbac.create | ternary $tests list | toJson -}}
{{- end -}}

{{/* Annotations of what is made for `helm test` and goes with it. */}}
{{- define "hpa-companion.tested" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
