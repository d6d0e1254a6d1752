//! The last seconds of one camera's stream, and how a reader gets them as HLS (RFC 8216, fragmented MP4).
//! Knows nothing of processes, files or HTTP; who may read is the caller's business.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::Moment;
use crate::engine::{StreamState, StreamStatus};
use crate::fragment::{Fragment, Init};

/// Segments kept at least, and how long they are together; of a second each, that is eight.
const KEPT_SEGMENTS: usize = 8;
const KEPT: Duration = Duration::from_secs(8);
/// Segments kept at most, however short they are: where a source comes and goes, its pieces may be.
const MAX_SEGMENTS: usize = 32;
/// A key frame ends no segment that is shorter, as cameras may send many a second. It is a little below the second that the playlist
/// promises, since a second of a camera is not exactly ours.
const SHORTEST: Duration = Duration::from_millis(900);
/// Bytes kept, unless fewer than `FEWEST_SEGMENTS` would be left.
const MAX_BYTES: usize = 8 << 20;
/// What a player needs to begin and not to stall.
const FEWEST_SEGMENTS: usize = 3;
/// Bytes kept at most of whole segments, however few are left, and of the one that is not whole yet.
const MAX_BYTES_ANYWAY: usize = 32 << 20;
/// A reader who has not asked for so long has gone.
const READER_GONE: Duration = Duration::from_secs(10);
/// Readers that are told apart.
const MAX_READERS: usize = 10_000;
/// A piece that came so long after it should have is of another time: its source has paused.
const PAUSED: Duration = Duration::from_secs(5);

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
    since: Moment,
    reason: Option<String>,
    ready_at: Option<Instant>,
    process: Option<u32>,
    restarts: u64,
    bytes_in: u64,
    bytes_out: u64,
    readers: HashMap<String, Instant>,
    segments: VecDeque<Segment>,
    /// From a key frame to now: what will be the next segment. `None` if that got too large, or no key frame has come.
    open: Option<Group>,
    /// What came last.
    last: Option<Piece>,
    /// Pieces were left out since the last segment.
    gap: bool,
    /// Number of the next segment.
    next: u64,
    /// Discontinuities that lie before the first segment kept.
    discontinuities: u64,
    /// Longest segment so far, in whole seconds; a playlist may never promise less than before.
    target: u64,
}

/// One fragment of the stream: about a second, or less where a key frame ends it.
#[derive(Clone)]
pub(crate) struct Piece {
    /// The run of the source that it comes from; the time at which that began, in milliseconds.
    epoch: i64,
    pub(crate) init: Arc<Init>,
    pub(crate) fragment: Arc<Fragment>,
    arrived: Moment,
    /// When its first picture was taken, as far as can be told from its arrival.
    pub(crate) begun: Moment,
}

/// Pieces of one run from a key frame on: what can be decoded by itself. Never empty.
#[derive(Clone)]
pub(crate) struct Group(Vec<Piece>);

/// A group up to the next key frame, as a file of the playlist.
struct Segment {
    number: u64,
    /// What it begins with does not follow what the one before it ends with.
    discontinuous: bool,
    group: Group,
}

impl Live {
    /// Whose first segment has that number.
    pub(crate) fn new(first: u64) -> Self {
        Self(Mutex::new(State {
            state: StreamState::Stopped,
            since: Moment::now(),
            reason: None,
            ready_at: None,
            process: None,
            restarts: 0,
            bytes_in: 0,
            bytes_out: 0,
            readers: HashMap::new(),
            segments: VecDeque::new(),
            open: None,
            last: None,
            gap: false,
            next: first,
            discontinuities: 0,
            target: 1,
        }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Piece {
    /// When its last picture was taken.
    fn last_picture(&self) -> Moment {
        let Fragment { duration, samples, .. } = *self.fragment;
        let samples = u32::try_from(samples.max(1)).unwrap_or(u32::MAX);
        self.begun.after(duration - duration / samples)
    }
}

impl Group {
    fn first(&self) -> &Piece {
        &self.0[0]
    }

    fn last(&self) -> &Piece {
        &self.0[self.0.len() - 1]
    }

    pub(crate) fn init(&self) -> &Arc<Init> {
        &self.first().init
    }

    pub(crate) fn fragments(&self) -> impl Iterator<Item = &Fragment> {
        self.0.iter().map(|piece| &*piece.fragment)
    }

    /// When its last picture was taken.
    pub(crate) fn last_picture(&self) -> Moment {
        self.last().last_picture()
    }

    /// From its last key frame on: no more has to be decoded to see its last picture.
    fn since_its_last_key_frame(&self) -> Self {
        let at = self.0.iter().rposition(|piece| piece.fragment.keyframe).unwrap_or(0);
        Group(self.0.iter().skip(at).cloned().collect())
    }

    fn duration(&self) -> Duration {
        self.fragments().map(|fragment| fragment.duration).sum()
    }

    fn size(&self) -> usize {
        self.fragments().map(|fragment| fragment.bytes.len()).sum()
    }

    fn bytes(&self) -> Bytes {
        match &self.0[..] {
            [only] => only.fragment.bytes.clone(),
            _ => self.fragments().map(|fragment| &fragment.bytes[..]).collect::<Vec<_>>().concat().into(),
        }
    }
}

impl State {
    /// Notes a new state; true if it is another than before.
    pub(crate) fn set(&mut self, state: StreamState, reason: Option<String>) -> bool {
        self.reason = reason;
        if self.state == state {
            return false;
        }
        self.state = state;
        self.since = Moment::now();
        self.ready_at = (state == StreamState::Ready).then(Instant::now);
        if state == StreamState::Stopped {
            self.segments.clear();
            (self.open, self.last) = (None, None);
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

    /// Takes what came. `ended`: it is known that a key frame follows.
    pub(crate) fn push(
        &mut self,
        epoch: i64,
        init: &Arc<Init>,
        fragment: Fragment,
        ended: bool,
        now: Moment,
    ) -> Piece {
        self.bytes_in += fragment.bytes.len() as u64;
        let piece = Piece {
            epoch,
            init: Arc::clone(init),
            begun: self.begun(epoch, &fragment, now),
            fragment: Arc::new(fragment),
            arrived: now,
        };
        let whole = |open: &Group| open.duration() >= SHORTEST;
        let may_end = piece.fragment.keyframe && self.open.as_ref().is_none_or(whole);
        let goes_on = !may_end && self.last.as_ref().is_some_and(|last| last.epoch == epoch);
        if !goes_on {
            self.close();
            self.open = piece.fragment.keyframe.then(|| Group(vec![piece.clone()]));
        } else if let Some(open) = &mut self.open {
            open.0.push(piece.clone());
        }
        if self.open.as_ref().is_none_or(|open| open.size() > MAX_BYTES_ANYWAY) {
            self.open = None;
            self.gap = true;
        }
        if ended && self.open.as_ref().is_some_and(whole) {
            self.close();
        }
        self.last = Some(piece.clone());
        piece
    }

    /// Makes a segment of what is open.
    fn close(&mut self) {
        let Some(group) = self.open.take() else { return };
        self.target = self.target.max(group.duration().as_secs_f64().round() as u64);
        let follows = |before: &Segment| before.group.first().epoch == group.first().epoch && !self.gap;
        let discontinuous = self.segments.back().is_some_and(|before| !follows(before));
        self.segments.push_back(Segment { number: self.next, discontinuous, group });
        self.gap = false;
        self.next += 1;
        while self.segments.len() > MAX_SEGMENTS
            || (self.segments.len() > KEPT_SEGMENTS && self.seconds_after_the_first() >= KEPT)
            || (self.segments.len() > FEWEST_SEGMENTS && self.bytes_kept() > MAX_BYTES)
            || (self.segments.len() > 1 && self.bytes_kept() > MAX_BYTES_ANYWAY)
        {
            self.segments.pop_front();
            self.discontinuities +=
                u64::from(self.segments.front().is_some_and(|segment| segment.discontinuous));
        }
    }

    /// From the last key frame to the newest picture, if that is one of now.
    pub(crate) fn present(&self) -> Option<Group> {
        let fresh = |group: &&Group| {
            let last = group.last();
            let age = last.arrived.elapsed();
            self.state == StreamState::Ready && age <= last.fragment.duration * 2 + Duration::from_secs(2)
        };
        self.newest().filter(fresh).map(Group::since_its_last_key_frame)
    }

    /// The segment that is open, or was last.
    fn newest(&self) -> Option<&Group> {
        self.open.as_ref().or(self.segments.back().map(|segment| &segment.group))
    }

    /// The pieces from the last key frame to `piece`, if they are all there.
    pub(crate) fn since_key_frame(&self, piece: &Piece) -> Option<Vec<Piece>> {
        if piece.fragment.keyframe {
            return Some(vec![piece.clone()]);
        }
        let pieces = &self.newest()?.0;
        let at = pieces.iter().position(|other| Arc::ptr_eq(&other.fragment, &piece.fragment))?;
        Some(Group(pieces[..=at].to_vec()).since_its_last_key_frame().0)
    }

    pub(crate) fn status(&mut self) -> StreamStatus {
        self.forget_readers(Instant::now());
        let last = self.last.as_ref();
        StreamStatus {
            state: self.state,
            since: self.since,
            reason: self.reason.clone(),
            readers: u32::try_from(self.readers.len()).unwrap_or(u32::MAX),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            uptime: self.ready_at.map(|at| at.elapsed()),
            process: self.process,
            resolution: last.and_then(|piece| piece.init.resolution),
            fps: last.and_then(|piece| piece.fragment.fps()),
            codec: last.and_then(|piece| piece.init.codec.clone()),
            restarts: self.restarts,
        }
    }

    /// When the first picture of a fragment that arrived at `now` was taken: its length ago, or earlier, if the one
    /// before it says so, as it may have been held up on its way. The source's clock may differ from ours by 1 %.
    fn begun(&self, epoch: i64, fragment: &Fragment, now: Moment) -> Moment {
        let arrived = now.before(fragment.duration);
        let Some(before) = self.last.as_ref().filter(|before| before.epoch == epoch) else { return arrived };
        let length = before.fragment.duration;
        let follows = before.begun.after(length + length / 100);
        if arrived.since(follows) > PAUSED { arrived } else { follows.min(arrived) }
    }

    fn seconds_after_the_first(&self) -> Duration {
        self.segments.iter().skip(1).map(|segment| segment.group.duration()).sum()
    }

    fn bytes_kept(&self) -> usize {
        self.segments.iter().map(|segment| segment.group.size()).sum()
    }

    fn count_reader(&mut self, reader: &str, now: Instant) {
        if self.readers.len() >= MAX_READERS {
            self.forget_readers(now);
        }
        if self.readers.len() < MAX_READERS || self.readers.contains_key(reader) {
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
            let group = &segment.group;
            if segment.discontinuous && epoch.is_some() {
                text.push_str("#EXT-X-DISCONTINUITY\n");
            }
            let run = group.first().epoch;
            // Writing to a string does not fail.
            if epoch.replace(run) != Some(run) {
                let _ = writeln!(text, "#EXT-X-MAP:URI=\"{}\"", link(&init_name(run)));
            }
            // Each its own: by the clock as it is now, which may have been put right within them.
            let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{:.3}", group.first().begun.timestamp());
            let seconds = group.duration().as_secs_f64();
            let _ = writeln!(text, "#EXTINF:{seconds:.3},\n{}", link(&segment.name()));
        }
        Some(text)
    }

    fn file(&self, name: &str) -> Option<Bytes> {
        self.segments.iter().rev().find_map(|segment| {
            if segment.name() == name {
                Some(segment.group.bytes())
            } else if init_name(segment.group.first().epoch) == name {
                Some(segment.group.init().bytes.clone())
            } else {
                None
            }
        })
    }
}

impl Segment {
    fn name(&self) -> String {
        format!("{}-{}.m4s", self.group.first().epoch, self.number)
    }
}

fn init_name(epoch: i64) -> String {
    format!("{epoch}-init.mp4")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second that begins with a key frame, and what comes before the next one.
    fn push_at(
        state: &mut State,
        epoch: i64,
        seconds: f64,
        bytes: usize,
        keyframe: bool,
        now: Moment,
    ) -> Piece {
        let (init, mut fragment) = crate::fragment::example(seconds, bytes);
        fragment.keyframe = keyframe;
        state.push(epoch, &init, fragment, false, now)
    }

    /// A whole segment: the next key frame has come.
    fn push(state: &mut State, epoch: i64, seconds: f64, bytes: usize) {
        push_at(state, epoch, seconds, bytes, true, Moment::now());
        state.close();
    }

    fn live() -> Live {
        let live = Live::new(0);
        live.lock().set(StreamState::Ready, None);
        live
    }

    fn lines_without_times(playlist: &str) -> String {
        playlist.lines().filter(|line| !line.contains("PROGRAM-DATE-TIME")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_playlist_of_two_runs_of_a_source_reads_as_the_standard_says() {
        let live = live();
        assert_eq!(live.lock().playlist(&str::to_owned), None);
        let now = Moment::now();
        push_at(&mut live.lock(), 5, 1.0, 10, true, now);
        push_at(&mut live.lock(), 9, 1.7, 10, true, now);
        live.lock().close();
        let at = |seconds: f64| now.before(Duration::from_secs_f64(seconds)).timestamp();
        let expected = format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n\
            #EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-MAP:URI=\"5-init.mp4\"\n\
            #EXT-X-PROGRAM-DATE-TIME:{:.3}\n#EXTINF:1.000,\n5-0.m4s\n#EXT-X-DISCONTINUITY\n\
            #EXT-X-MAP:URI=\"9-init.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:{:.3}\n#EXTINF:1.700,\n9-1.m4s\n",
            at(1.0),
            at(1.7)
        );
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
        for _ in 0..3 {
            push(&mut live.lock(), 2, 1.0, 20 << 20);
        }
        assert_eq!(live.lock().playlist(&str::to_owned).unwrap().matches("#EXTINF").count(), 1);
    }

    #[test]
    fn a_segment_goes_from_key_frame_to_key_frame_however_many_pieces_that_takes() {
        let live = live();
        let now = Moment::now();
        let piece = |keyframe, bytes| push_at(&mut live.lock(), 1, 1.0, bytes, keyframe, now);
        assert!(live.lock().present().is_none());
        let lost = piece(false, 1);
        assert!(live.lock().since_key_frame(&lost).is_none(), "no key frame has come");
        piece(true, 2);
        let third = piece(false, 3);
        piece(false, 4);
        let sizes = |pieces: Vec<Piece>| pieces.iter().map(|p| p.fragment.bytes.len()).collect::<Vec<_>>();
        assert_eq!(sizes(live.lock().since_key_frame(&third).unwrap()), [2, 3]);
        assert_eq!(live.lock().present().unwrap().size(), 9, "the newest picture is in it");
        assert_eq!(live.lock().playlist(&str::to_owned), None);
        piece(true, 5);
        let list = live.lock().playlist(&str::to_owned).unwrap();
        assert!(list.contains("TARGETDURATION:3") && list.contains("#EXTINF:3.000,\n1-0.m4s"), "{list}");
        assert_eq!(live.lock().file("1-0.m4s").unwrap().len(), 9);
        // Where it is known that a key frame follows, nobody waits for it.
        let (init, fragment) = crate::fragment::example(1.0, 8);
        live.lock().push(1, &init, fragment, true, now);
        let list = live.lock().playlist(&str::to_owned).unwrap();
        assert!(list.ends_with("#EXTINF:1.000,\n1-2.m4s\n"), "{list}");
        // Without end there is a limit: what is left out is a discontinuity, and a recording starts with the next key frame.
        piece(true, 1);
        piece(false, MAX_BYTES_ANYWAY);
        let beyond = piece(false, 1);
        assert!(live.lock().since_key_frame(&beyond).is_none());
        piece(true, 6);
        piece(true, 7);
        let list = live.lock().playlist(&str::to_owned).unwrap();
        let expected = "#EXTINF:1.000,\n1-2.m4s\n#EXT-X-DISCONTINUITY\n#EXTINF:1.000,\n1-3.m4s";
        assert!(lines_without_times(&list).ends_with(expected), "{list}");
    }

    #[test]
    fn many_key_frames_a_second_make_segments_of_a_second_and_eight_seconds_are_kept() {
        let live = live();
        let now = Moment::now();
        let push = || {
            let (init, picture) = crate::fragment::example(0.04, 10);
            live.lock().push(1, &init, picture, true, now)
        };
        let first = push();
        assert_eq!(live.lock().playlist(&str::to_owned), None, "one picture is no segment");
        for _ in 0..20 * 25 {
            push();
        }
        let list = live.lock().playlist(&str::to_owned).unwrap();
        assert!(list.contains("TARGETDURATION:1\n"), "{list}");
        let seconds = list.lines().filter_map(|line| line.strip_prefix("#EXTINF:")).map(|line| {
            let seconds: f64 = line.trim_end_matches(',').parse().unwrap();
            assert!((0.9..1.1).contains(&seconds), "{list}");
            seconds
        });
        assert!((8.0..10.0).contains(&seconds.sum()), "{list}");
        assert!(!list.contains("DISCONTINUITY\n"), "{list}");
        assert!(live.lock().next <= 22, "numbers do not outrun the seconds");
        assert_eq!(live.lock().present().unwrap().0.len(), 1, "a snapshot decodes the last picture alone");
        let newest = push();
        assert_eq!(live.lock().since_key_frame(&newest).unwrap().len(), 1);
        assert!(live.lock().since_key_frame(&first).is_some(), "a recording begins with any of them");
    }

    #[test]
    fn short_pieces_of_a_source_that_comes_and_goes_are_not_kept_without_end() {
        let live = live();
        for epoch in 0..100 {
            push(&mut live.lock(), epoch, 0.04, 10);
        }
        assert_eq!(live.lock().segments.len(), MAX_SEGMENTS);
    }

    #[test]
    fn a_piece_that_was_held_up_keeps_its_time_and_a_source_that_paused_begins_anew() {
        let live = live();
        let zero = Moment::now();
        let at = |milliseconds| zero.after(Duration::from_millis(milliseconds));
        let begun = |epoch, arrived| push_at(&mut live.lock(), epoch, 1.0, 10, true, at(arrived)).begun;
        assert_eq!([begun(1, 1000), begun(1, 2500), begun(1, 2600)], [at(0), at(1010), at(1600)]);
        assert_eq!(begun(2, 9000), at(8000), "another run of the source has another beginning");
        assert_eq!([begun(2, 14_000), begun(2, 20_500)], [at(9010), at(19_500)], "4 s late, and 9 s");
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
        let now = Moment::now();
        push_at(&mut live.lock(), 1, 1.0, 10, true, now);
        let picture = live.lock().present().unwrap().last_picture();
        assert_eq!(picture, now.before(Duration::from_secs(1)), "its only one, when the second began");
        live.lock().set(StreamState::Reconnecting, None);
        assert!(live.lock().present().is_none(), "the last picture before a loss is not of now");
        live.lock().set(StreamState::Ready, None);
        push_at(&mut live.lock(), 1, 1.0, 10, true, now.before(Duration::from_secs(5)));
        assert!(live.lock().present().is_none());
        live.lock().set(StreamState::Stopped, None);
        assert!(live.lock().playlist(&str::to_owned).is_none());
    }
}
