//! The clock that people read: whether it can be trusted yet, by the kernel's word, and what follows once it is set. A board without a
//! battery starts with a wrong one, and nothing here waits for a right one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use camera_media::Moment;
use camera_storage::{FileName, Library};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use rtime_clock::adjtime::{Timex, adjtimex};

use super::{Kind, Service, blocking};
use crate::contract::ClockView;

/// `status` of adjtimex(2): nothing keeps the clock right.
const STA_UNSYNC: i32 = 0x40;
/// What adjtimex(2) returns then.
const TIME_ERROR: i32 = 5;
/// The clock was set if it says something else by more than this than what has passed by the other one.
const SET: Duration = Duration::from_secs(5);
/// Files are remembered until the clock is trusted, the oldest forgotten first.
const MAX_FILES: usize = 10_000;

/// Whether the clock can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The kernel says that something keeps it right, or has said so in this run, and nobody has set it since.
    Trusted,
    /// The kernel says that nothing does, and has not said otherwise in this run.
    NotYet,
    /// The kernel does not say.
    NotKnown,
}

impl Trust {
    fn words(self) -> Option<&'static str> {
        match self {
            Trust::Trusted => None,
            Trust::NotYet => Some("clock not yet trusted: the kernel says that nothing synchronises it"),
            Trust::NotKnown => Some("clock not yet trusted: the kernel may not be asked (adjtimex)"),
        }
    }
}

/// What is known of the clock.
#[derive(Default)]
pub struct Clock {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    trust: Option<Trust>,
    /// Both clocks, when they were looked at last.
    last: Option<(Instant, Timestamp)>,
    /// Files of this run that bear a time which was not trusted, with the moment at which they were finished.
    files: Vec<(Kind, FileName, Moment)>,
}

impl Known {
    /// How far the clock was set, if it was since it was looked at last.
    fn look(&mut self, moment: Instant, clock: Timestamp) -> Option<SignedDuration> {
        let (before, said) = self.last.replace((moment, clock))?;
        let passed = SignedDuration::try_from(moment.duration_since(before)).unwrap_or_default();
        let set = clock.duration_since(said) - passed;
        (set.unsigned_abs() > SET).then_some(set)
    }

    /// Takes the kernel's word; what it said before counts until somebody sets the clock.
    fn judge(&mut self, word: Trust, set: bool) -> Trust {
        let holds = self.trust == Some(Trust::Trusted) && !set;
        let trust = if holds { Trust::Trusted } else { word };
        self.trust = Some(trust);
        trust
    }
}

/// What the kernel says of its clock (adjtimex(2), which only asks here).
fn kernel() -> Trust {
    let mut timex = Timex::new();
    match adjtimex(&mut timex) {
        Ok(TIME_ERROR) => Trust::NotYet,
        Ok(_) if timex.0.status & STA_UNSYNC != 0 => Trust::NotYet,
        Ok(_) => Trust::Trusted,
        Err(error) => {
            tracing::debug!(%error, "adjtimex");
            Trust::NotKnown
        }
    }
}

impl Clock {
    /// Whether it was trusted when it was looked at last.
    pub fn is_trusted(&self) -> bool {
        self.known.lock().trust == Some(Trust::Trusted)
    }

    /// Why not, for people.
    pub fn view(&self) -> ClockView {
        let trust = self.known.lock().trust;
        let reason = trust.and_then(Trust::words).map(str::to_owned);
        ClockView { trusted: trust == Some(Trust::Trusted), reason }
    }

    /// Remembers a file that was finished now, while its time may be wrong.
    pub fn note_file(&self, kind: Kind, name: FileName) {
        let mut known = self.known.lock();
        if known.trust == Some(Trust::Trusted) {
            return;
        }
        if known.files.len() >= MAX_FILES {
            known.files.remove(0);
        }
        known.files.push((kind, name, Moment::now()));
    }
}

impl Service {
    /// Looks at the clock; what was written in this run by a clock that was set since gets the time at which it was, so that its age is right.
    /// Names stay.
    pub async fn look_at_clock(&self) {
        let (set, files) = {
            let mut known = self.clock.known.lock();
            let set = known.look(Instant::now(), Timestamp::now());
            (set, if set.is_some() { known.files.clone() } else { Vec::new() })
        };
        if let Some(set) = set {
            tracing::warn!(
                ?set,
                files = files.len(),
                "the clock was set: files of this run get their right time"
            );
            let libraries = [Kind::Recordings, Kind::Snapshots].map(|kind| (kind, self.library(kind)));
            // That it broke off is in the log.
            let _ = blocking(move || put_right(&libraries, &files)).await;
        }
        let (before, trust) = {
            let mut known = self.clock.known.lock();
            let before = known.trust;
            let trust = known.judge(kernel(), set.is_some());
            if trust == Trust::Trusted {
                known.files = Vec::new();
            }
            (before, trust)
        };
        if before == Some(trust) {
            return;
        }
        let words = trust.words().unwrap_or("the clock is trusted");
        tracing::warn!("{words}");
        // The first look tells nobody anything new.
        if before.is_some() {
            self.tell_health(words.to_owned());
        }
    }
}

fn put_right(libraries: &[(Kind, Arc<Library>); 2], files: &[(Kind, FileName, Moment)]) {
    for (kind, name, finished) in files {
        let Some((_, library)) = libraries.iter().find(|(of, _)| of == kind) else { continue };
        match library.set_modified(name, finished.timestamp()) {
            // Deleted since.
            Ok(()) | Err(camera_storage::StorageError::NotFound(_)) => {}
            Err(error) => tracing::warn!(%name, %error, "its time stays wrong"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_noticed_whichever_way_and_one_that_goes_is_not() {
        let (moment, clock) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let mut known = Known::default();
        let seconds = Duration::from_secs;
        assert_eq!(known.look(moment, clock), None, "the first look has nothing to compare with");
        assert_eq!(known.look(moment + seconds(60), clock + seconds(62)), None);
        let ahead = known.look(moment + seconds(70), clock + seconds(72 + 7200));
        assert_eq!(ahead, Some(SignedDuration::from_secs(7200)));
        let back = known.look(moment + seconds(75), clock + seconds(77));
        assert_eq!(back, Some(SignedDuration::from_secs(-7200)));
    }

    #[test]
    fn the_kernel_s_word_counts_until_somebody_sets_the_clock() {
        let mut known = Known::default();
        let word = [
            (Trust::NotYet, false, Trust::NotYet),
            (Trust::Trusted, true, Trust::Trusted),
            // Without network for hours, the kernel takes its word back; the clock goes on.
            (Trust::NotYet, false, Trust::Trusted),
            (Trust::NotYet, true, Trust::NotYet),
            (Trust::NotKnown, false, Trust::NotKnown),
            (Trust::Trusted, false, Trust::Trusted),
        ];
        for (number, (said, set, expected)) in word.into_iter().enumerate() {
            assert_eq!(known.judge(said, set), expected, "{number}");
        }
    }

    #[test]
    fn files_of_this_run_get_the_time_at_which_they_were_finished_and_others_keep_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let library = Arc::new(Library::open(folder.path()).unwrap());
        let names: [FileName; 3] = ["ours.mp4", "other.mp4", "gone.mp4"].map(|name| name.parse().unwrap());
        let wrong = Timestamp::from_second(1_000_000).unwrap();
        for name in &names[..2] {
            std::fs::write(library.path_of(name), "video").unwrap();
            library.set_modified(name, wrong).unwrap();
        }
        let finished = Moment::now().before(Duration::from_secs(600));
        let files = [&names[0], &names[2]].map(|name| (Kind::Recordings, name.clone(), finished));
        put_right(&[Kind::Recordings, Kind::Snapshots].map(|kind| (kind, Arc::clone(&library))), &files);
        let modified = |name: &FileName| library.info(name).unwrap().modified;
        let off = modified(&names[0]).duration_since(finished.timestamp()).unsigned_abs();
        assert!(off < Duration::from_secs(1), "{off:?}");
        assert_eq!(modified(&names[1]), wrong);
    }
}
