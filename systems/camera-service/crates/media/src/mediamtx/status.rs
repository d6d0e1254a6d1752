//! What is known of a camera's path in MediaMTX: by what MediaMTX lists, and by the reader that keeps it open.

use std::time::Instant;

use super::api::Listed;
use crate::Moment;
use crate::engine::{StreamState, StreamStatus};
use crate::retry;

/// VP8, as a status says it.
pub(super) const VP8: &str = "vp08";

/// What was seen of a camera's path.
#[derive(Clone, Copy)]
pub(super) enum Seen<'a> {
    Path(&'a Listed),
    /// MediaMTX does not know it.
    NotThere,
    /// MediaMTX does not answer, and why.
    Nothing(&'a str),
}

pub(super) struct Known {
    pub(super) stream: StreamStatus,
    /// Since when pictures come without a break.
    pub(super) ready: Option<Instant>,
    /// MediaMTX has the path.
    pub(super) listed: bool,
    /// Its own reader is there.
    pub(super) reading: bool,
    /// Failures of its own reader in a row.
    failures: u32,
    /// What MediaMTX counted last; it begins again at 0 when it likes.
    counted: (u64, u64),
}

impl Known {
    /// Of a path that nobody has looked at yet.
    pub(super) fn new() -> Self {
        let stream = StreamStatus {
            state: StreamState::Starting,
            since: Moment::now(),
            reason: None,
            readers: 0,
            bytes_in: 0,
            bytes_out: 0,
            uptime: None,
            process: None,
            resolution: None,
            fps: None,
            codec: None,
            restarts: 0,
        };
        Self { stream, ready: None, listed: false, reading: false, failures: 0, counted: (0, 0) }
    }

    /// Whether pictures have come, and, if they come no more, the reason to be told, if that is new.
    pub(super) fn observe(&mut self, seen: Seen<'_>, wanted: bool) -> (bool, Option<Option<String>>) {
        if let Seen::Path(path) = seen {
            self.count(path);
        }
        self.listed = match seen {
            Seen::Path(_) => true,
            Seen::NotThere => false,
            Seen::Nothing(_) => self.listed,
        };
        match seen {
            Seen::Path(path) if path.ready => (self.rise(), None),
            Seen::Nothing(why) => (false, self.fall(wanted, Some(why.to_owned()))),
            _ => (false, self.fall(wanted, None)),
        }
    }

    /// Its reader has failed; true if that is to be told.
    pub(super) fn reader_failed(&mut self, reason: &str) -> bool {
        self.failures += 1;
        self.reading = false;
        // Whether pictures come, MediaMTX says.
        self.ready.is_none() && self.fall(true, Some(reason.to_owned())).is_some()
    }

    fn count(&mut self, path: &Listed) {
        let since = |now: u64, before: u64| if now >= before { now - before } else { now };
        self.stream.bytes_in += since(path.bytes_received, self.counted.0);
        self.stream.bytes_out += since(path.bytes_sent, self.counted.1);
        self.counted = (path.bytes_received, path.bytes_sent);
        let readers = path.readers.iter().filter(|reader| !reader.is_hidden()).count();
        let readers = u32::try_from(readers).unwrap_or(u32::MAX);
        self.stream.readers = readers.saturating_sub(u32::from(self.reading));
        // Which profile, MediaMTX does not say.
        let codings = path.tracks.iter().filter_map(|track| match track.as_str() {
            "H264" => Some("avc1"),
            "H265" => Some("hvc1"),
            "AV1" => Some("av01"),
            "VP9" => Some("vp09"),
            "VP8" => Some(VP8),
            _ => None,
        });
        // Of several, one that can be recorded.
        let coding = codings.min_by_key(|coding| *coding == VP8);
        if path.ready {
            self.stream.codec = coding.map(str::to_owned);
        }
    }

    fn set(&mut self, state: StreamState) {
        if self.stream.state != state {
            self.stream.state = state;
            self.stream.since = Moment::now();
        }
    }

    /// Pictures come; true if they did not before.
    fn rise(&mut self) -> bool {
        let risen = self.ready.is_none();
        self.ready.get_or_insert_with(Instant::now);
        self.failures = if risen { 0 } else { self.failures };
        self.stream.reason = None;
        self.set(StreamState::Ready);
        risen
    }

    /// No pictures come; the reason to be told, if that is new.
    fn fall(&mut self, wanted: bool, reason: Option<String>) -> Option<Option<String>> {
        let fallen =
            self.ready.take().is_some() || (reason.is_some() && self.stream.state == StreamState::Starting);
        if !wanted {
            self.stream.reason = None;
            let stopped = self.stream.state != StreamState::Stopped;
            self.set(StreamState::Stopped);
            return stopped.then_some(None);
        }
        self.stream.readers = 0;
        self.stream.reason = reason.or_else(|| self.stream.reason.take());
        if fallen {
            self.stream.restarts += 1;
            self.stream.reason.get_or_insert_with(|| "MediaMTX lost the source; its log says why".to_owned());
        }
        self.set(match (self.failures, self.stream.restarts) {
            (retry::FAILED_AFTER.., _) => StreamState::Failed,
            (_, 0) => StreamState::Starting,
            (_, _) => StreamState::Reconnecting,
        });
        fallen.then(|| self.stream.reason.clone())
    }
}
