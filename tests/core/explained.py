"""Records, and the text a person gets for each."""

from __future__ import annotations

from autoscaler.model.basis import Basis, Spec
from autoscaler.model.decision import Outcome
from autoscaler.model.objects import Milli
from autoscaler.model.plan import (
    Action,
    Chosen,
    Counted,
    Final,
    Forced,
    Gaps,
    History,
    Limited,
    Proposal,
    Recommendation,
    Stabilized,
)
from autoscaler.model.policy import Behavior, MetricSpec, ScalingPolicy, ScalingRules
from tests.audit.samples import CPU as CPU_60
from tests.audit.samples import NOON, cpu_proposal, decision

DOUBLED = ScalingRules(policies=(ScalingPolicy("Percent", 100, 15),))
CPU = "cpu resource utilization (percentage of request)"


MEMORY = Proposal(
    type="Resource",
    name="memory",
    label="memory resource",
    target_type="AverageValue",
    target=536_870_912_000,
    current=314_572_800_000,
    average=Milli(314_572_800_000),
    usage=Milli(943_718_400_000),
    samples=3,
    ratio=0.5859375,
    pods=Counted(ready=3),
    replicas=2,
    why="ratio 0.585938 x 3 ready pods, rounded up",
)


SCALED_UP = decision(
    basis=Basis(
        spec=Spec(
            min_replicas=2,
            max_replicas=10,
            metrics=(CPU_60, MetricSpec(type="Resource", name="memory", average_value=Milli(536_870_912_000))),
            behavior=Behavior(DOUBLED, DOUBLED),
        ),
        selector="app=web",
    ),
    desired=6,
    reason="ScaleUpLimit",
    stages=(
        cpu_proposal(
            pods=Counted(ready=3, unready=("web-a",), missing=("web-b", "web-c"), ignored=("web-d",)),
            gaps=Gaps(values=3, missing_requests=Milli(150), unready_requests=Milli(75)),
            damped_ratio=1.3,
            replicas=8,
            why="ratio 1.3 x 6 pods, assumptions included, rounded up",
        ),
        MEMORY,
        Chosen(metric=CPU, replicas=8),
        Stabilized(proposed=8, replicas=8, down_window=300.0, reason="ReadyForNewScale"),
        Limited(
            wanted=8,
            replicas=6,
            min_replicas=2,
            max_replicas=10,
            limit=6,
            policy="Percent 100 per 15 s",
            start=3,
            reason="ScaleUpLimit",
        ),
        Final(current=3, replicas=6, why=f"{CPU} above target"),
    ),
)


SCALED_UP_TEXT = """\
    shop/Deployment/web: 3 -> 6 replicas, written
      cpu resource utilization (percentage of request) above target

      at        2027-01-15T08:00:01Z
      decision  web-1
      policy    HorizontalPodScaler shop/web, generation 4
      samples   at most 7 s old
      reason    ScaleUpLimit: More are asked for than may be added within the period of a rule.
      to do     Raise spec.behavior.scaleUp.policies if this is too slow.

    cpu, target 60 % of requests: asks for 8
      pods    3 ready, 1 unready (web-a), 2 without a sample (web-b, web-c), 1 ignored, ending or ended (web-d)
      usage   1350m of 1500m requested by 3 pods: 90 %, 450m a pod
      ratio   1.5 of the target, outside the tolerance of 0.9 to 1.1
      filled  1.3 if the unready pods and those without a sample use nothing
      so      ratio 1.3 x 6 pods, assumptions included, rounded up
      more    9 from 93.2 % on (1398m in 3 pods)
      fewer   7 at 81.6 % or less (1224m in 3 pods)

    memory, target 512 MiB a pod: asks for 2
      pods   3 ready
      usage  900 MiB in 3 pods: 300 MiB a pod
      ratio  0.5859 of the target, outside the tolerance of 0.9 to 1.1
      so     ratio 0.585938 x 3 ready pods, rounded up
      more   3 from 341.4 MiB a pod on (1.001 GiB in 3 pods)
      fewer  1 at 170.6 MiB a pod or less (512 MiB in 3 pods)

    From there to the number
      chosen      8  cpu resource utilization (percentage of request), which asks for the most
      stabilized  8  no recommendation of the window stands against it (down 5 min)
      limited     6  not above 6 for now: Percent 100 per 15 s, from 3
      final       6  3 more than now

    What would change the number
      decides    limited: not above 6 for now: Percent 100 per 15 s, from 3; 8 would be wanted
      by itself  8 from 08:00:16Z on, when Percent 100 per 15 s allows it, while the metrics ask for 8
      fewer      3 with cpu at 77 % or less (1155m in 3 pods) from 08:05:01Z on, when the 8 of 08:00:01Z expires
    """


HELD_BACK = decision(
    basis=Basis(
        spec=Spec(min_replicas=2, max_replicas=20, metrics=(CPU_60,)),
        history=History(recommendations=(Recommendation(12, NOON - 140),)),
        selector="app=web",
    ),
    action=Action.HOLD,
    outcome=Outcome.HELD,
    current=12,
    desired=12,
    reason="ScaleDownStabilized",
    stages=(
        cpu_proposal(
            current=20, average=Milli(100), usage=Milli(1200), requests=Milli(6000), samples=12, ratio=1 / 3,
            pods=Counted(ready=12), replicas=4, why="ratio 0.333333 x 12 ready pods, rounded up",
        ),
        Chosen(metric=CPU, replicas=4),
        Stabilized(
            proposed=4, replicas=12, down_window=300.0, by=Recommendation(12, NOON - 140), reason="ScaleDownStabilized"
        ),
        Limited(
            wanted=12, replicas=12, min_replicas=2, max_replicas=20, limit=24, start=12, reason="DesiredWithinRange"
        ),
        Final(current=12, replicas=12, why="recent recommendations were higher than current one"),
    ),
)  # fmt: skip


HELD_BACK_TEXT = """\
    shop/Deployment/web: stays at 12 replicas
      recent recommendations were higher than current one

      at        2027-01-15T08:00:01Z
      decision  web-1
      policy    HorizontalPodScaler shop/web, generation 4
      samples   at most 7 s old
      reason    ScaleDownStabilized: Fewer would do now, but more were needed within the scale-down window.
      to do     Set spec.behavior.scaleDown.stabilizationWindowSeconds if pods stay too long; now the program's holds.

    cpu, target 60 % of requests: asks for 4
      pods   12 ready
      usage  1200m of 6000m requested by 12 pods: 20 %, 100m a pod
      ratio  0.3333 of the target, outside the tolerance of 0.9 to 1.1
      so     ratio 0.333333 x 12 ready pods, rounded up
      more   5 from 21 % on (1260m in 12 pods)
      fewer  3 at 15 % or less (959m in 12 pods)

    From there to the number
      chosen       4  cpu resource utilization (percentage of request)
      stabilized  12  12, recommended 2 min 21 s before, counts until 08:02:40Z (scale-down window of 5 min)
      limited     12  within 2 to 20
      final       12  as many as there are

    What would change the number
      decides    stabilized: 12, recommended 2 min 21 s before, counts until 08:02:40Z (scale-down window of 5 min)
      by itself  4 from 08:02:41Z on, when the 12 of 07:57:40Z expires, while the metrics ask for 4
      more       14 with cpu from 67 % on (4020m in 12 pods)
    """


NO_METRICS = decision(
    action=Action.HOLD,
    outcome=Outcome.HELD,
    current=3,
    desired=3,
    reason="FailedGetResourceMetric",
    error="failed to compute desired number of replicas: invalid metrics (1 invalid out of 1)",
    sample_age=None,
    stages=(
        Proposal(
            type="Resource",
            name="cpu",
            label=CPU,
            target_type="Utilization",
            target=60,
            reason="FailedGetResourceMetric",
            message="no metrics returned from resource metrics API",
        ),
        Final(current=3, replicas=3, why="failed to compute desired number of replicas"),
    ),
)


NO_METRICS_TEXT = """\
    shop/Deployment/web: stays at 3 replicas
      failed to compute desired number of replicas: invalid metrics (1 invalid out of 1)

      at        2027-01-15T08:00:01Z
      decision  web-1
      policy    HorizontalPodScaler shop/web, generation 4
      samples   none used
      reason    FailedGetResourceMetric: CPU or memory of the pods could not be had, and so nothing may be taken away.
      to do     Read the message: pods without requests, samples or readiness; the verb `doctor` looks at the nodes.

    cpu, target 60 % of requests: could not be computed
      failed  FailedGetResourceMetric: no metrics returned from resource metrics API

    From there to the number
      final  3  as many as there are

    What would change the number
      decides  proposal: cpu failed, so it stays as it is
      more     none while cpu cannot be had
      fewer    none while cpu cannot be had
    """


UNREADABLE = decision(
    action=Action.HOLD,
    outcome=Outcome.HELD,
    current=None,
    desired=0,
    reason="FailedGetScale",
    error='deployments.apps "web" not found',
    sample_age=None,
    stages=(),
)


UNREADABLE_TEXT = """\
    shop/Deployment/web: could not be evaluated
      deployments.apps "web" not found

      at        2027-01-15T08:00:01Z
      decision  web-1
      policy    HorizontalPodScaler shop/web, generation 4
      samples   none used
      reason    FailedGetScale: The target could not be read: it is not there, has no scale subresource, or we may not.
      to do     Check spec.scaleTargetRef, and that the role of the program allows get on its scale.
    """


FORCED = decision(
    current=1,
    desired=2,
    reason="TooFewReplicas",
    sample_age=None,
    stages=(
        Forced(current=1, replicas=2, min_replicas=2, max_replicas=10, reason="TooFewReplicas"),
        Final(current=1, replicas=2, why="Current number of replicas below Spec.MinReplicas"),
    ),
    truncated=("pods", "texts"),
)


FORCED_TEXT = """\
    shop/Deployment/web: 1 -> 2 replicas, written
      Current number of replicas below Spec.MinReplicas

      at        2027-01-15T08:00:01Z
      decision  web-1
      policy    HorizontalPodScaler shop/web, generation 4
      samples   none used
      reason    TooFewReplicas: The minimum holds: less is asked for, or there are fewer now.
      to do     Lower spec.minReplicas if so many are not needed.

    From there to the number
      forced  2  1 is below spec.minReplicas, 2; no metric is asked
      final   2  1 more than now

    What would change the number is not known: the record was too long and lost what this needs.

    The record was too long to keep whole; left out: some names of pods, the ends of long texts.
    """
