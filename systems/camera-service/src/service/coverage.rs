//! How much there is of a recording, of how much was wanted, and why: from the engine's account to the contract's words, and kept beside
//! the files of which something is missing, so that a list says it days later.

use std::sync::Arc;

use camera_media::{
    Force, GapCause, RecordingDone, RecordingEnd, RecordingNow, RecordingStarted, Recovered, RecoveryAction,
};
use camera_storage::{FileName, Library};
use serde::{Deserialize, Serialize};

use super::recordings::file_name;
use crate::contract::{Coverage, RecordingState, ShortfallCause as Cause};

/// What is kept beside a file; of this form, a newer one is not read.
#[derive(Serialize, Deserialize)]
struct Note {
    version: u32,
    incomplete: Coverage,
}

const VERSION: u32 = 1;

fn of_gap(cause: GapCause) -> Cause {
    match cause {
        GapCause::SourceLost => Cause::SourceLost,
        GapCause::ServerLost => Cause::EngineLost,
        GapCause::NothingWritten => Cause::NothingWritten,
    }
}

/// Why there is less than was wanted; `None` if there is not.
fn shortfall(done: &RecordingDone) -> Option<Cause> {
    match &done.end {
        RecordingEnd::Failed(_) => Some(Cause::Failed),
        RecordingEnd::Forced(Force::FullDisk) => Some(Cause::DiskFull),
        RecordingEnd::Forced(Force::Shutdown) => Some(Cause::ServiceStopped),
        RecordingEnd::Forced(Force::CameraRemoved) => Some(Cause::CameraRemoved),
        RecordingEnd::TimeUp | RecordingEnd::Stopped | RecordingEnd::Complete => {
            done.falls_short().then(|| done.gaps.cause.map_or(Cause::TooFewPictures, of_gap))
        }
    }
}

/// `stopped`, `incomplete` or `error`.
fn status(done: &RecordingDone) -> &'static str {
    match (&done.end, shortfall(done)) {
        (RecordingEnd::Failed(_), _) => "error",
        (_, Some(_)) => "incomplete",
        (_, None) => "stopped",
    }
}

/// What a recording came to.
fn of(done: &RecordingDone) -> Coverage {
    let cause = shortfall(done);
    let reason = cause.map(|cause| match &done.end {
        RecordingEnd::Failed(why) => format!("{}: {why}", cause.words()),
        _ => cause.words().to_owned(),
    });
    Coverage {
        seconds_wanted: Some(done.wanted.as_secs_f64()),
        seconds_got: Some(done.got().as_secs_f64()),
        seconds_missing: Some(done.missing().as_secs_f64()),
        interruptions: done.gaps.count,
        cause,
        reason,
    }
}

/// The state of a recording that ended.
pub(super) fn ended(done: &RecordingDone) -> RecordingState {
    RecordingState {
        status: status(done),
        filename: done.files.first().map(|file| file_name(&file.path)).unwrap_or_default(),
        duration: Some(done.duration.as_secs_f64()),
        file_size: Some(done.bytes),
        start_time: done.started,
        coverage: of(done),
    }
}

/// The state of a recording that has just begun.
pub(super) fn begun(recording: &RecordingStarted) -> RecordingState {
    RecordingState {
        status: "recording",
        filename: file_name(&recording.path),
        duration: None,
        file_size: None,
        start_time: recording.started,
        coverage: Coverage::default(),
    }
}

/// The state of a recording that runs.
pub(super) fn running(now: &RecordingNow) -> RecordingState {
    let cause = now.gaps.present.map(|gap| of_gap(gap.cause));
    RecordingState {
        status: if cause.is_some() { "interrupted" } else { "recording" },
        filename: file_name(now.path.as_deref().unwrap_or(&now.first)),
        duration: None,
        file_size: None,
        // By the clock as it is now: it may have been put right since.
        start_time: now.started.timestamp(),
        coverage: Coverage {
            seconds_wanted: now.wanted.map(|wanted| wanted.as_secs_f64()),
            seconds_got: Some(now.duration.saturating_sub(now.lead).as_secs_f64()),
            seconds_missing: Some(now.missing().as_secs_f64()),
            interruptions: now.gaps.count,
            cause,
            reason: cause.map(|cause| cause.words().to_owned()),
        },
    }
}

/// `incomplete, 3.0 of 20.0 s: no pictures came from the camera`.
pub(super) fn words(state: &RecordingState) -> String {
    let Coverage { seconds_wanted, seconds_got, reason, .. } = &state.coverage;
    let seconds = |seconds: &Option<f64>| seconds.map_or("?".to_owned(), |seconds| format!("{seconds:.1}"));
    let reason = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    format!("{}, {} of {} s{reason}", state.status, seconds(seconds_got), seconds(seconds_wanted))
}

/// Keeps beside the files what is missing of them.
pub(super) async fn keep(library: &Arc<Library>, files: Vec<FileName>, coverage: &Coverage) {
    let (library, coverage) = (Arc::clone(library), coverage.clone());
    let kept = super::blocking(move || files.iter().for_each(|name| keep_now(&library, name, &coverage)));
    // That it broke off is in the log.
    let _ = kept.await;
}

fn keep_now(library: &Library, name: &FileName, coverage: &Coverage) {
    let note = Note { version: VERSION, incomplete: coverage.clone() };
    let text = serde_json::to_string(&note).unwrap_or_default();
    if let Err(error) = library.keep_note(name, &text) {
        tracing::warn!(%name, %error, "that something is missing of it is not kept");
    }
}

/// What is missing of a file, if that was kept.
pub(super) fn kept(library: &Library, name: &FileName) -> Option<Coverage> {
    let note: Note = serde_json::from_str(&library.note(name)?).ok()?;
    (note.version <= VERSION).then_some(note.incomplete)
}

/// What is known of a recording that an earlier run ended as it was stopped.
#[must_use]
pub fn of_stopped() -> Coverage {
    because(Cause::ServiceStopped)
}

fn because(cause: Cause) -> Coverage {
    Coverage { cause: Some(cause), reason: Some(cause.words().to_owned()), ..Coverage::default() }
}

/// Keeps of a recording that was being written when the service was killed that it is so; how much was wanted of it, nobody knows any more.
pub fn keep_killed(library: &Library, file: &Recovered) -> Option<Coverage> {
    if file.action == RecoveryAction::Removed {
        return None;
    }
    let name: FileName = file_name(&file.path).parse().ok()?;
    let coverage = because(Cause::ServiceKilled);
    keep_now(library, &name, &coverage);
    Some(coverage)
}
