//! The clock that people read: whether it can be trusted yet, by the kernel's word, and what follows once it is set. A board without a
//! battery starts with a wrong one, and nothing here waits for a right one.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camera_storage::{FileName, Library};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use rtime_clock::adjtime::{Timex, adjtimex};

use super::undated::{ClockNews, Undated, UndatedFiles};
use super::{Kind, Service, blocking};
use crate::contract::ClockView;

/// `status` of adjtimex(2): nothing keeps the clock right.
const STA_UNSYNC: i32 = 0x40;
/// What adjtimex(2) returns then.
const TIME_ERROR: i32 = 5;
/// The clock was set if it says something else by more than this than what has passed by the other one.
const SET: Duration = Duration::from_secs(5);

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
    undated: Arc<UndatedFiles>,
    /// Held by whoever looks at the clock, or notes a file: what follows from a look is done before the next one.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    trust: Option<Trust>,
    /// Both clocks, when they were looked at last.
    last: Option<(Instant, Timestamp)>,
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
    /// A clock that nobody has looked at, and the files of earlier runs that bear a wrong time, which are kept at `path`.
    ///
    /// # Errors
    /// What is kept cannot be read, in a sentence.
    pub fn open(path: &Path) -> Result<Clock, String> {
        Ok(Clock { undated: Arc::new(UndatedFiles::open(path)?), ..Clock::default() })
    }

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

    /// The files that bear a time which is not to be believed: the place of each among them, the newest has the highest.
    pub(super) fn undated(&self, kind: Kind) -> HashMap<FileName, usize> {
        self.undated.places(kind)
    }

    /// Remembers a recording of an earlier run that was put in order, if that run had a clock that was not trusted: it may have another name since.
    pub fn note_recovered(&self, path: &Path) {
        if let Ok(name) = super::recordings::file_name(path).parse() {
            self.undated.add_recovered(Kind::Recordings, name);
        }
    }

    /// Remembers a file that is begun or finished now, while its time may be wrong.
    pub async fn note_file(&self, kind: Kind, name: FileName) {
        let _turn = self.turn.lock().await;
        if self.is_trusted() {
            return;
        }
        let undated = Arc::clone(&self.undated);
        // That it broke off is in the log.
        let _ = blocking(move || undated.add(kind, name)).await;
    }
}

impl Service {
    /// Looks at the clock; what was written in this run by a clock that was set since gets the time at which it was, so that its age is right,
    /// and what earlier runs wrote by a clock that was not trusted is as old as the first look at one that is. Names stay.
    pub async fn look_at_clock(&self) {
        let _turn = self.clock.turn.lock().await;
        let set = self.clock.known.lock().look(Instant::now(), Timestamp::now());
        let word = kernel();
        if let Some(set) = set {
            tracing::warn!(?set, "the clock was set: files of this run get their right time");
        }
        let told = ClockNews { set: set.is_some(), trusted: word == Trust::Trusted };
        let files = self.clock.undated.list();
        if (told.set || told.trusted) && !files.is_empty() {
            let libraries = [Kind::Recordings, Kind::Snapshots].map(|kind| (kind, self.library(kind)));
            let undated = Arc::clone(&self.clock.undated);
            let righted = blocking(move || {
                put_right(&libraries, &files, told);
                if told.trusted {
                    undated.clear();
                }
            });
            // That it broke off is in the log.
            let _ = righted.await;
        }
        let (before, trust) = {
            let mut known = self.clock.known.lock();
            let before = known.trust;
            (before, known.judge(word, told.set))
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

fn put_right(libraries: &[(Kind, Arc<Library>); 2], files: &[Undated], clock: ClockNews) {
    for (newer, file) in files.iter().rev().enumerate() {
        let Some((_, library)) = libraries.iter().find(|(of, _)| *of == file.kind) else { continue };
        let Some(time) = file.right_time(clock, newer) else { continue };
        match library.set_modified(&file.name, time) {
            // Deleted since.
            Ok(()) | Err(camera_storage::StorageError::NotFound(_)) => {}
            Err(error) => tracing::warn!(name = %file.name, %error, "its time stays wrong"),
        }
    }
}

#[cfg(test)]
mod tests {
    use camera_media::Moment;

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
        let kind = Kind::Recordings;
        let files =
            [&names[0], &names[2]].map(|name| Undated { kind, name: name.clone(), moment: Some(finished) });
        let libraries = [Kind::Recordings, Kind::Snapshots].map(|kind| (kind, Arc::clone(&library)));
        put_right(&libraries, &files, ClockNews { set: true, trusted: false });
        let modified = |name: &FileName| library.info(name).unwrap().modified;
        let off = modified(&names[0]).duration_since(finished.timestamp()).unsigned_abs();
        assert!(off < Duration::from_secs(1), "{off:?}");
        assert_eq!(modified(&names[1]), wrong);
    }

    #[test]
    fn files_of_earlier_runs_are_as_old_as_the_first_trust_and_keep_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let library = Arc::new(Library::open(folder.path()).unwrap());
        let names: [FileName; 2] = ["first.mp4", "second.mp4"].map(|name| name.parse().unwrap());
        for (name, seconds) in names.iter().zip([2_000_000, 1_000_000]) {
            std::fs::write(library.path_of(name), "video").unwrap();
            library.set_modified(name, Timestamp::from_second(seconds).unwrap()).unwrap();
        }
        let files =
            [0, 1].map(|at| Undated { kind: Kind::Recordings, name: names[at].clone(), moment: None });
        let libraries = [Kind::Recordings, Kind::Snapshots].map(|kind| (kind, Arc::clone(&library)));
        let modified = || [0, 1].map(|at| library.info(&names[at]).unwrap().modified);
        put_right(&libraries, &files, ClockNews { set: true, trusted: false });
        assert_eq!(modified().map(Timestamp::as_second), [2_000_000, 1_000_000], "nobody knows it yet");
        put_right(&libraries, &files, ClockNews { set: false, trusted: true });
        let [first, second] = modified();
        assert!(first < second, "{first} {second}");
        assert!(first.duration_since(Timestamp::now()).unsigned_abs() < Duration::from_secs(60), "{first}");
    }
}
