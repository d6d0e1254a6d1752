//! What would let us see past a barrier: worded once, for findings and for every report.

use probity_plan::{Barrier, Cause, Probe};

use crate::judgement::BarrierMet;

/// What would let us see past a barrier that was met, in a few words that begin in lower case and end without a full stop:
/// "run with `--allow write`: `change` may write".
pub fn remedy(probe: &Probe, met: &BarrierMet) -> String {
    match &met.cause {
        Some(Cause::LeftOut) => return format!("run without `--only`, or name `{}` with it too", probe.name),
        Some(Cause::TimeLimit { .. }) => return "run with a greater `--limit`, or without one".to_owned(),
        Some(Cause::SizeLimit { .. }) => return "run with a greater `--max-size`".to_owned(),
        Some(Cause::NotRecorded { fact }) => {
            return format!(
                "observe anew and keep `{fact}`, which this run did not: with a claim of the plan that runs which reads it, \
                 or with `keep: all` in `{}`",
                probe.name
            );
        }
        Some(Cause::NotCompleted) => {
            return "let the run come to its end, with a `--limit`, if any, that is long enough".to_owned();
        }
        Some(Cause::TokenOver { token, .. }) => {
            return format!("give the token `{token}` a longer `expires_in`");
        }
        Some(Cause::NoMachine { machine, .. }) => {
            return format!("see to it that the machine `{machine}` can be made");
        }
        Some(Cause::Straddled) if probe.spec().fact(&met.fact).is_some_and(|fact| fact.bounded) => {
            return format!(
                "look longer or at more, or hold `{}` against a limit farther from what was found",
                met.fact
            );
        }
        Some(Cause::Straddled) => {
            return "measure from an observer with less to do, or hold the time against a limit farther from what was measured"
                .to_owned();
        }
        Some(Cause::TooManyWaited) => {
            return "let both probes look at about the same time".to_owned();
        }
        _ => {}
    }
    match met.barrier {
        Barrier::PermissionDenied => match probe.spec().privilege {
            "" => "run as root, or as a user who may look".to_owned(),
            privilege => format!("run as root, or as a user who may look ({privilege})"),
        },
        Barrier::NotPermitted if probe.trial.is_some() && probe.impact < probe.asks() => {
            let asks = probe.asks();
            format!("run with `--allow {asks}`: the commands that make the machine of its trial may {asks}")
        }
        Barrier::NotPermitted => {
            format!("run with `--allow {}`: `{}` may {}", probe.asks(), probe.name, probe.asks())
        }
        Barrier::ToolMissing => {
            format!("install what `{}` needs on the target: {}", probe.spec().name, met.detail)
        }
        Barrier::ConnectionRefused | Barrier::Unreachable => {
            format!("run again when `{}` can be reached from where Probity runs", probe.name)
        }
        Barrier::TimedOut => {
            format!("run again when `{}` answers, or give it a longer `timeout`", probe.name)
        }
        Barrier::Prerequisite => match &probe.needs {
            Some(claim) => format!("see to it that `{claim}` holds, which `{}` needs", probe.name),
            None => match &probe.with {
                Some(with) => format!(
                    "see to it that `{with}`, which `{}` runs with, runs and lasts as long",
                    probe.name
                ),
                None => "see to it that what the probe needs holds".to_owned(),
            },
        },
        Barrier::Aborted => "let the run come to its end".to_owned(),
        Barrier::NotMade => "make every planned look, on an observer that keeps up".to_owned(),
        Barrier::Overloaded => "measure from an observer with less to do".to_owned(),
        Barrier::TooLarge => format!("look at less: `{}` was more than may be read or kept", met.fact),
        Barrier::Unsupported => {
            format!(
                "do what the barrier says, or claim something else: `{}` cannot be told here in this way",
                met.fact
            )
        }
        Barrier::Changed => format!("look again while `{}` does not change", probe.name),
        Barrier::Protocol => {
            format!("find out what `{}` was sent, which is not what its protocol says", probe.name)
        }
        Barrier::Masked => format!("change the secret that `{}` shows, or claim something else", met.fact),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    struct Text;
    impl probity_plan::Sources for Text {
        fn read(&self, _: &str) -> Result<Vec<u8>, String> {
            Ok(b"plan: P\nprobes: { p: { file: / } }\nclaims: { c: { of: p, check: exists } }\nverdict: [ label: A ]\n".to_vec())
        }
    }

    #[test]
    fn what_the_operator_left_out_is_cured_by_the_option_that_did() {
        let plan = probity_plan::load("plan.yaml", &Text, &std::collections::BTreeMap::new()).unwrap().plan;
        for (cause, expected) in [
            (Cause::LeftOut, "run without `--only`, or name `p` with it too"),
            (
                Cause::TimeLimit { limit: "2s".parse().unwrap() },
                "run with a greater `--limit`, or without one",
            ),
            (
                Cause::NotCompleted,
                "let the run come to its end, with a `--limit`, if any, that is long enough",
            ),
            (Cause::SizeLimit { bytes: 1_048_576 }, "run with a greater `--max-size`"),
            (
                Cause::TokenOver { token: "t".to_owned(), until: jiff::Timestamp::UNIX_EPOCH },
                "give the token `t` a longer `expires_in`",
            ),
            (Cause::SlotMissed, "make every planned look, on an observer that keeps up"),
            (
                Cause::Straddled,
                "measure from an observer with less to do, or hold the time against a limit farther from what was measured",
            ),
            (Cause::TooManyWaited, "let both probes look at about the same time"),
            (Cause::Interrupted { signal: "SIGTERM".to_owned() }, "let the run come to its end"),
        ] {
            let blocked = probity_plan::Blocked::by(cause);
            let met = BarrierMet {
                fact: "*".to_owned(),
                barrier: blocked.barrier,
                cause: blocked.cause,
                times: 1,
                detail: String::new(),
            };
            assert_eq!(remedy(&plan.probes[0], &met), expected);
        }
    }
}
