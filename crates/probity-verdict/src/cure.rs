//! What would let us see past a barrier: worded once, for findings and for every report.

use probity_plan::{Barrier, Probe, not_recorded};

use crate::judgement::BarrierMet;

/// What would let us see past a barrier that was met, in a few words that begin in lower case and end without a full stop:
/// "run with `--allow write`: `change` may write".
pub fn cure(probe: &Probe, met: &BarrierMet) -> String {
    match met.barrier {
        Barrier::PermissionDenied => match probe.spec().privilege {
            "" => "run as root, or as a user who may look".to_owned(),
            privilege => format!("run as root, or as a user who may look ({privilege})"),
        },
        Barrier::NotPermitted => format!("run with `--allow {}`: `{}` may {}", probe.impact, probe.name, probe.impact),
        Barrier::ToolMissing => format!("install what `{}` needs on the target: {}", probe.spec().name, met.detail),
        Barrier::ConnectionRefused | Barrier::Unreachable => {
            format!("run again when `{}` can be reached from where Probity runs", probe.name)
        }
        Barrier::TimedOut => format!("run again when `{}` answers, or give it a longer `timeout`", probe.name),
        Barrier::Prerequisite => match &probe.needs {
            Some(claim) => format!("see to it that `{claim}` holds, which `{}` needs", probe.name),
            None => match &probe.with {
                Some(with) => format!("see to it that `{with}`, which `{}` runs with, runs and lasts as long", probe.name),
                None => "see to it that what the probe needs holds".to_owned(),
            },
        },
        Barrier::Aborted => "let the run come to its end".to_owned(),
        Barrier::NotMade if met.detail == not_recorded(&met.fact) => format!(
            "observe anew and keep `{}`, which this run did not: with a claim of the plan that runs which reads it, or with \
             `keep: all` in `{}`",
            met.fact, probe.name
        ),
        Barrier::NotMade => "make every planned look: let the run come to its end, on an observer that keeps up".to_owned(),
        Barrier::Overloaded => {
            "measure from an observer with less to do, or hold the time against a limit farther from what was measured"
                .to_owned()
        }
        Barrier::TooLarge => format!("look at less: `{}` was more than may be read or kept", met.fact),
        Barrier::Unsupported => format!("nothing: the target, or this build, has no `{}`; claim something else", met.fact),
        Barrier::Protocol => format!("find out what `{}` was sent, which is not what its protocol says", probe.name),
    }
}
