//! The last seconds of one camera's stream, and how a reader gets them as HLS (RFC 8216, fragmented MP4).
//! Knows nothing of processes, files or HTTP; who may read is the caller's business.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;

use crate::engine::{StreamState, StreamStatus};
use crate::fragment::{Fragment, Init};

/// Segments kept: eight of a second each.
const MOST_SEGMENTS: usize = 8;
/// Bytes kept, unless fewer than `FEWEST_SEGMENTS` would be left.
const MOST_BYTES: usize = 8 << 20;
/// What a player needs to begin and not to stall.
const FEWEST_SEGMENTS: usize = 3;
/// A reader who has not asked for so long has gone.
const READER_GONE: Duration = Duration::from_secs(10);
/// Readers that are told apart.
const MOST_READERS: usize = 10_000;

/// A camera's stream as HLS: one playlist, and the files that it names.
#[derive(Clone)]
pub struct LiveView(pub(crate) Arc<Live>);

impl LiveView {
    /// The playlist now; `None` while there is nothing to watch. `reader` tells readers apart for counting them;
    /// `link` makes the address of a file from its name, such as one with a signature.
    #[must_use]
    pub fn playlist(&self, reader: &str, link: &dyn Fn(&str) -> String) -> Option<String> {
        let mut state = self.0.lock();
        state.count_reader(reader, Instant::now());
        state.playlist(link)
    }

    /// A file that a recent playlist named; `None` if it is too old, or never was.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<Bytes> {
        let mut state = self.0.lock();
        let bytes = state.file(name)?;
        state.bytes_out += bytes.len() as u64;
        Some(bytes)
    }
}

/// What is known of a camera's stream now.
pub(crate) struct Live(Mutex<State>);

pub(crate) struct State {
    state: StreamState,
    since: Timestamp,
    reason: Option<String>,
    ready_at: Option<Instant>,
    process: Option<u32>,
    restarts: u64,
    bytes_in: u64,
    bytes_out: u64,
    readers: HashMap<String, Instant>,
    segments: VecDeque<Segment>,
    /// Number of the next segment.
    next: u64,
    /// Changes of `epoch` that lie before the first segment kept.
    discontinuities: u64,
    /// Longest segment so far, in whole seconds; a playlist may never promise less than before.
    target: u64,
}

/// One fragment of the stream.
#[derive(Clone)]
pub(crate) struct Segment {
    number: u64,
    /// The run of the source that it comes from; the time at which that began, in milliseconds.
    epoch: i64,
    pub(crate) init: Arc<Init>,
    pub(crate) fragment: Arc<Fragment>,
    pub(crate) arrived: Instant,
    /// When its first picture was taken, as far as can be told from its arrival.
    pub(crate) begun: Timestamp,
}

impl Live {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self(Mutex::new(State {
            state: StreamState::Stopped,
            since: now,
            reason: None,
            ready_at: None,
            process: None,
            restarts: 0,
            bytes_in: 0,
            bytes_out: 0,
            readers: HashMap::new(),
            segments: VecDeque::new(),
            // So that numbers grow over a restart of the service, too.
            next: u64::try_from(now.as_second()).unwrap_or_default(),
            discontinuities: 0,
            target: 1,
        }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Notes a new state; true if it is another than before.
    pub(crate) fn set(&mut self, state: StreamState, reason: Option<String>, now: Timestamp) -> bool {
        self.reason = reason;
        if self.state == state {
            return false;
        }
        self.state = state;
        self.since = now;
        self.ready_at = (state == StreamState::Ready).then(Instant::now);
        if state == StreamState::Stopped {
            self.segments.clear();
            self.discontinuities += 1;
        }
        true
    }

    pub(crate) fn state(&self) -> StreamState {
        self.state
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    pub(crate) fn set_process(&mut self, process: Option<u32>) {
        self.process = process;
    }

    pub(crate) fn count_restart(&mut self) {
        self.restarts += 1;
    }

    pub(crate) fn push(
        &mut self,
        epoch: i64,
        init: &Arc<Init>,
        fragment: Fragment,
        now: Timestamp,
    ) -> Segment {
        self.bytes_in += fragment.bytes.len() as u64;
        self.target = self.target.max(fragment.duration.as_secs_f64().round() as u64);
        let segment = Segment {
            number: self.next,
            epoch,
            init: Arc::clone(init),
            begun: self.begun(epoch, &fragment, now),
            fragment: Arc::new(fragment),
            arrived: Instant::now(),
        };
        self.next += 1;
        self.segments.push_back(segment.clone());
        while self.segments.len() > MOST_SEGMENTS
            || (self.segments.len() > FEWEST_SEGMENTS && self.bytes_kept() > MOST_BYTES)
        {
            let gone = self.segments.pop_front();
            if gone.map(|segment| segment.epoch) != self.segments.front().map(|segment| segment.epoch) {
                self.discontinuities += 1;
            }
        }
        segment
    }

    /// The newest segment that begins with a picture of its own, if it is a picture of now.
    pub(crate) fn present(&self) -> Option<Segment> {
        let fresh = |segment: &&Segment| {
            let age = segment.arrived.elapsed();
            self.state == StreamState::Ready && age <= segment.fragment.duration * 2 + Duration::from_secs(2)
        };
        self.segments.iter().rev().find(|segment| segment.fragment.keyframe).filter(fresh).cloned()
    }

    pub(crate) fn status(&mut self) -> StreamStatus {
        self.forget_readers(Instant::now());
        let last = self.segments.back();
        StreamStatus {
            state: self.state,
            since: self.since,
            reason: self.reason.clone(),
            readers: u32::try_from(self.readers.len()).unwrap_or(u32::MAX),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            uptime: self.ready_at.map(|at| at.elapsed()),
            process: self.process,
            resolution: last.and_then(|segment| segment.init.resolution),
            fps: last.and_then(|segment| segment.fragment.fps()),
            codec: last.and_then(|segment| segment.init.codec.clone()),
            restarts: self.restarts,
        }
    }

    /// When the first picture of a fragment that arrived at `now` was taken: its length ago, or earlier, if the one
    /// before it says so, as it may have been held up on its way. The source's clock may differ from ours by 1 %.
    fn begun(&self, epoch: i64, fragment: &Fragment, now: Timestamp) -> Timestamp {
        let arrived = now.checked_sub(fragment.duration).unwrap_or(now);
        let follows = self.segments.back().filter(|before| before.epoch == epoch).and_then(|before| {
            let length = before.fragment.duration;
            before.begun.checked_add(length + length / 100).ok()
        });
        follows.map_or(arrived, |follows| follows.min(arrived))
    }

    fn bytes_kept(&self) -> usize {
        self.segments.iter().map(|segment| segment.fragment.bytes.len()).sum()
    }

    fn count_reader(&mut self, reader: &str, now: Instant) {
        if self.readers.len() >= MOST_READERS {
            self.forget_readers(now);
        }
        if self.readers.len() < MOST_READERS || self.readers.contains_key(reader) {
            self.readers.insert(reader.to_owned(), now);
        }
    }

    fn forget_readers(&mut self, now: Instant) {
        self.readers.retain(|_, seen| now.duration_since(*seen) < READER_GONE);
    }

    fn playlist(&self, link: &dyn Fn(&str) -> String) -> Option<String> {
        let first = self.segments.front()?;
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:{}\n\
             #EXT-X-DISCONTINUITY-SEQUENCE:{}\n",
            self.target, first.number, self.discontinuities
        );
        let mut epoch = None;
        for segment in &self.segments {
            if epoch != Some(segment.epoch) {
                if epoch.is_some() {
                    text.push_str("#EXT-X-DISCONTINUITY\n");
                }
                epoch = Some(segment.epoch);
                // Writing to a string does not fail.
                let _ = writeln!(text, "#EXT-X-MAP:URI=\"{}\"", link(&init_name(segment.epoch)));
                let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{:.3}", segment.begun);
            }
            let seconds = segment.fragment.duration.as_secs_f64();
            let _ = writeln!(text, "#EXTINF:{seconds:.3},\n{}", link(&segment.name()));
        }
        Some(text)
    }

    fn file(&self, name: &str) -> Option<Bytes> {
        self.segments.iter().rev().find_map(|segment| {
            if segment.name() == name {
                Some(segment.fragment.bytes.clone())
            } else if init_name(segment.epoch) == name {
                Some(segment.init.bytes.clone())
            } else {
                None
            }
        })
    }
}

impl Segment {
    fn name(&self) -> String {
        format!("{}-{}.m4s", self.epoch, self.number)
    }
}

fn init_name(epoch: i64) -> String {
    format!("{epoch}-init.mp4")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(state: &mut State, epoch: i64, seconds: f64, bytes: usize) {
        let (init, fragment) = crate::fragment::example(seconds, bytes);
        state.push(epoch, &init, fragment, Timestamp::UNIX_EPOCH);
    }

    fn live() -> Live {
        let live = Live::new(Timestamp::UNIX_EPOCH);
        live.lock().set(StreamState::Ready, None, Timestamp::UNIX_EPOCH);
        live
    }

    #[test]
    fn the_playlist_of_two_runs_of_a_source_reads_as_the_standard_says() {
        let live = live();
        assert_eq!(live.lock().playlist(&str::to_owned), None);
        push(&mut live.lock(), 5, 1.0, 10);
        push(&mut live.lock(), 9, 1.7, 10);
        let expected = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n\
            #EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-MAP:URI=\"5-init.mp4\"\n\
            #EXT-X-PROGRAM-DATE-TIME:1969-12-31T23:59:59.000Z\n#EXTINF:1.000,\n5-0.m4s\n#EXT-X-DISCONTINUITY\n\
            #EXT-X-MAP:URI=\"9-init.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:1969-12-31T23:59:58.300Z\n#EXTINF:1.700,\n9-1.m4s\n";
        assert_eq!(live.lock().playlist(&str::to_owned).unwrap(), expected);
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_in_bytes_and_counts_what_it_dropped() {
        let live = live();
        for number in 0..20 {
            push(&mut live.lock(), if number < 10 { 1 } else { 2 }, 1.0, 1000);
        }
        let list = live.lock().playlist(&str::to_owned).unwrap();
        assert!(list.contains("#EXT-X-MEDIA-SEQUENCE:12\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n"), "{list}");
        assert_eq!(list.matches("#EXTINF").count(), 8);
        assert!(live.lock().file("1-9.m4s").is_none() && live.lock().file("1-init.mp4").is_none());
        assert!(live.lock().file("2-19.m4s").is_some() && live.lock().file("2-init.mp4").is_some());
        for _ in 0..8 {
            push(&mut live.lock(), 2, 1.0, 4 << 20);
        }
        assert_eq!(live.lock().playlist(&str::to_owned).unwrap().matches("#EXTINF").count(), 3);
    }

    #[test]
    fn a_segment_that_was_held_up_keeps_its_time() {
        let live = live();
        let at = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap();
        let begun = |epoch, arrived| {
            let (init, fragment) = crate::fragment::example(1.0, 10);
            live.lock().push(epoch, &init, fragment, at(arrived)).begun
        };
        assert_eq!([begun(1, 1000), begun(1, 2500), begun(1, 2600)], [at(0), at(1010), at(1600)]);
        assert_eq!(begun(2, 9000), at(8000), "another run of the source has another beginning");
    }

    #[test]
    fn readers_are_counted_while_they_ask() {
        let live = live();
        let begun = Instant::now();
        for (reader, after) in [("a", 0), ("b", 8), ("a", 9)] {
            live.lock().count_reader(reader, begun + Duration::from_secs(after));
        }
        let count = |after| {
            let mut state = live.lock();
            state.forget_readers(begun + Duration::from_secs(after));
            state.readers.len()
        };
        assert_eq!([count(10), count(18), count(19)], [2, 1, 0]);
    }

    #[test]
    fn a_stopped_or_silent_stream_has_no_present_picture() {
        let live = live();
        push(&mut live.lock(), 1, 1.0, 10);
        assert!(live.lock().present().is_some());
        live.lock().set(StreamState::Reconnecting, None, Timestamp::UNIX_EPOCH);
        assert!(live.lock().present().is_none(), "the last picture before a loss is not of now");
        live.lock().set(StreamState::Ready, None, Timestamp::UNIX_EPOCH);
        if let Some(past) = Instant::now().checked_sub(Duration::from_secs(5)) {
            live.lock().segments[0].arrived = past;
            assert!(live.lock().present().is_none());
        }
        live.lock().set(StreamState::Stopped, None, Timestamp::UNIX_EPOCH);
        assert!(live.lock().playlist(&str::to_owned).is_none());
    }
}
