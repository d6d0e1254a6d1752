//! One job of systemd: what systemctl(1) was told to do, and how it says that ended (systemd's src/shared/bus-wait-for-jobs.c has
//! the sentences; there is no status for each).

use std::time::{Duration, Instant};

use probity_plan::Blocked;
use probity_plan::kinds::lifecycle::{Lifecycle, Operation};

use crate::look::Context;
use crate::{program, systemd};

/// A job that has ended.
pub(super) struct Job {
    /// What became of it: a value of the fact `job`.
    pub result: &'static str,
    /// What systemctl said.
    pub said: String,
    /// How long systemctl took.
    pub took: Duration,
}

/// Has systemd do it and waits for the end of its job.
///
/// # Errors
/// `permission-denied`, `tool-missing`, `timed-out`: nothing is known of the job then.
pub(super) async fn carry_out(lifecycle: &Lifecycle, context: &Context<'_>) -> Result<Job, Blocked> {
    let name = lifecycle.act.name();
    let (signal, whom);
    let mut arguments = vec!["systemctl", "--no-ask-password", "--no-pager", name];
    if lifecycle.act == Operation::Kill {
        signal = format!("--signal=SIG{}", lifecycle.signal.unwrap_or_default().name());
        whom = format!("--kill-who={}", lifecycle.whom.unwrap_or_default().name());
        arguments.extend([signal.as_str(), whom.as_str()]);
    }
    arguments.extend(["--", &lifecycle.lifecycle]);
    let began = Instant::now();
    let (code, _, said) = program::ask(&arguments, &[], context).await?;
    let took = began.elapsed();
    let said = said.trim().to_owned();
    if code != 0 && (systemd::is_denied(&said) || said.contains("connect to bus")) {
        return Err(systemd::failed(&format!("systemctl {name} {}", lifecycle.lifecycle), &said));
    }
    Ok(Job { result: if code == 0 { "done" } else { result(&said) }, said, took })
}

/// Whether the files of a unit name a condition (systemd.unit(5)).
///
/// # Errors
/// Those of asking systemctl.
pub(super) async fn may_be_skipped(unit: &str, context: &Context<'_>) -> Result<bool, Blocked> {
    let (_, files, _) = program::ask(&["systemctl", "cat", "--no-pager", "--", unit], &[], context).await?;
    Ok(files.lines().any(|line| line.trim_start().starts_with("Condition")))
}

/// What became of a job that was not done.
fn result(said: &str) -> &'static str {
    // Warnings come before.
    let ends = |ending: &str| said.lines().any(|line| line.starts_with("Job for ") && line.ends_with(ending));
    if said.contains("A dependency job for ") {
        "dependency"
    } else if said.contains("Assertion failed on job for ") {
        "assert"
    } else if ends(" canceled.") {
        "canceled"
    } else if ends(" timed out.") {
        "timeout"
    } else if said.contains("Job for ") {
        "failed"
    } else {
        "refused"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_job_is_read_from_what_systemctl_says() {
        for (said, expected) in [
            (
                "Job for a.service failed because the control process exited with error code.\nSee ...",
                "failed",
            ),
            ("Job for a.service failed because a timeout was exceeded.", "failed"),
            ("Job for a.service canceled.", "canceled"),
            ("Job for a.service timed out.", "timeout"),
            ("A dependency job for a.service failed. See 'journalctl -xe' for details.", "dependency"),
            ("Assertion failed on job for a.service.", "assert"),
            ("Failed to reload a.service: Job type reload is not applicable for unit a.service.", "refused"),
            ("Failed to start a.service: Unit a.service is masked.", "refused"),
            ("a.service is not active, cannot reload.", "refused"),
            ("Warning: The unit file changed on disk.\nJob for a.service canceled.", "canceled"),
        ] {
            assert_eq!(result(said), expected, "{said}");
        }
    }
}
