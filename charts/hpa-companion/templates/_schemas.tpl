{{/* Pieces of the schema of HorizontalPodScaler that occur more than once. */}}

{{- define "hpa-companion.schema.quantity" -}}
anyOf:
  - type: integer
  - type: string
pattern: ^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$
maxLength: 256
x-kubernetes-int-or-string: true
{{- end -}}

{{- define "hpa-companion.schema.target" -}}
description: What the metric is compared with.
type: object
required: [type]
properties:
  type:
    description: Utilization, Value or AverageValue.
    type: string
    enum: [Utilization, Value, AverageValue]
  value:
    description: The metric itself is compared with this quantity.
    {{- include "hpa-companion.schema.quantity" . | nindent 4 }}
  averageValue:
    description: The metric's average over all pods of the target is compared with this quantity.
    {{- include "hpa-companion.schema.quantity" . | nindent 4 }}
  averageUtilization:
    description: The average over all pods, in percent of what they request; for resources only.
    type: integer
    format: int32
    minimum: 1
x-kubernetes-validations:
  - rule: "!has(self.value) || (type(self.value) == int ? self.value > 0 : isQuantity(self.value) && quantity(self.value).isGreaterThan(quantity('0')))"
    fieldPath: .value
    message: target.value must be greater than 0
  - rule: "!has(self.averageValue) || (type(self.averageValue) == int ? self.averageValue > 0 : isQuantity(self.averageValue) && quantity(self.averageValue).isGreaterThan(quantity('0')))"
    fieldPath: .averageValue
    message: target.averageValue must be greater than 0
{{- end -}}

{{- define "hpa-companion.schema.resourceTargetRules" -}}
- rule: "has(self.target.averageUtilization) != has(self.target.averageValue)"
  fieldPath: .target
  message: set exactly one of target.averageUtilization and target.averageValue
- rule: "!has(self.target.value)"
  fieldPath: .target.value
  message: target.value has no meaning for a resource, use target.averageUtilization or target.averageValue
{{- end -}}

{{- define "hpa-companion.schema.reference" -}}
type: object
required: [kind, name]
properties:
  apiVersion:
    description: Its group and version, such as apps/v1.
    type: string
    maxLength: 317
  kind:
    description: Its kind, such as Deployment.
    type: string
    minLength: 1
    maxLength: 63
    pattern: ^[^/%]+$
  name:
    description: Its name, in the same namespace.
    type: string
    minLength: 1
    maxLength: 253
    pattern: ^[^/%]+$
{{- end -}}

{{/* For a reference; the context is the field's name. */}}
{{- define "hpa-companion.schema.referenceRules" -}}
- rule: "!(self.kind in ['.', '..'])"
  fieldPath: .kind
  message: {{ . }}.kind must not be . or ..
- rule: "!(self.name in ['.', '..'])"
  fieldPath: .name
  message: {{ . }}.name must not be . or ..
{{- end -}}

{{/* A span of time; the context is a dict of the field's name and the least it may be. */}}
{{- define "hpa-companion.schema.duration" -}}
type: string
maxLength: 32
pattern: ^([0-9]+(\.[0-9]+)?(h|m|s|ms))+$
x-kubernetes-validations:
  - rule: "duration(self) >= duration('{{ .least }}') && duration(self) <= duration('1h')"
    message: {{ .field }} must be between {{ .least }} and 1h
{{- end -}}

{{- define "hpa-companion.schema.metric" -}}
description: Which metric.
type: object
required: [name]
properties:
  name:
    description: Its name.
    type: string
    minLength: 1
    maxLength: 253
    pattern: ^[^/%]+$
  selector:
    description: Label selector that the metrics API is asked with; absent, only the name counts.
    type: object
    x-kubernetes-map-type: atomic
    properties:
      matchLabels:
        description: Labels and the value each must have.
        type: object
        additionalProperties: {type: string}
      matchExpressions:
        description: Further requirements; all must be met.
        type: array
        maxItems: 32
        x-kubernetes-list-type: atomic
        items:
          type: object
          required: [key, operator]
          properties:
            key:
              description: The label.
              type: string
            operator:
              description: In, NotIn, Exists or DoesNotExist.
              type: string
              enum: [In, NotIn, Exists, DoesNotExist]
            values:
              description: The values, for In and NotIn.
              type: array
              x-kubernetes-list-type: atomic
              items: {type: string}
          x-kubernetes-validations:
            - rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)"
              fieldPath: .values
              message: matchExpressions.values must be set for In and NotIn, and only for them
x-kubernetes-validations:
  - rule: "!(self.name in ['.', '..'])"
    fieldPath: .name
    message: metric.name must not be . or ..
{{- end -}}

{{- define "hpa-companion.schema.policies" -}}
description: What one direction may do in a period; without stabilization and limits the target follows at once.
type: array
minItems: 1
maxItems: 64
x-kubernetes-list-type: atomic
items:
  type: object
  required: [type, value, periodSeconds]
  properties:
    type:
      description: Pods (value is a number of pods) or Percent (value is a percentage of the pods there are).
      type: string
      enum: [Pods, Percent]
    value:
      description: How much may change within the period.
      type: integer
      format: int32
      minimum: 1
    periodSeconds:
      description: The period, in seconds.
      type: integer
      format: int32
      minimum: 1
      maximum: 1800
{{- end -}}

{{- define "hpa-companion.schema.selectPolicy" -}}
description: Which policy decides when several apply; Disabled forbids this direction.
type: string
enum: [Max, Min, Disabled]
default: Max
{{- end -}}

{{- define "hpa-companion.schema.window" -}}
type: integer
format: int32
minimum: 0
maximum: 3600
{{- end -}}

{{- define "hpa-companion.schema.tolerance" -}}
description: How far the ratio of current to wanted usage may be from 1 before anything is done in this direction, such as 0.05. Absent, the program's own tolerance (10 %) holds.
{{ include "hpa-companion.schema.quantity" . }}
x-kubernetes-validations:
  - rule: "type(self) == int ? self >= 0 : isQuantity(self) && !quantity(self).isLessThan(quantity('0'))"
    message: tolerance must not be negative
{{- end -}}

{{- define "hpa-companion.schema.current" -}}
description: Its current value.
type: object
properties:
  value:
    description: The value itself.
    {{- include "hpa-companion.schema.quantity" . | nindent 4 }}
  averageValue:
    description: The average over all pods.
    {{- include "hpa-companion.schema.quantity" . | nindent 4 }}
  averageUtilization:
    description: The average over all pods, in percent of what they request.
    type: integer
    format: int32
{{- end -}}
