//! Requests at a fixed rate in an open model: each is sent when it is due, over a connection that waits or else over a new one, and its
//! latency counts from when it was due. Must not know what is concluded from them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use probity_plan::{Barrier, Blocked, Value};

use super::alarm::Alarm;
use super::line::{Answer, Caller, Line, Refusal, Wait};
use crate::connect::Fault;
use crate::connect::tls;
use crate::look::Seen;
use crate::observer::scheduling_delay;

/// The most connections at once; a request that is due while all of them wait for answers waits too.
const MAX_LINES: usize = 256;

/// What was sent in all, and what came of it.
#[derive(Default)]
pub(super) struct Tally {
    sent: i64,
    granted: i64,
    refused: i64,
    failed: i64,
    connections: i64,
    statuses: BTreeMap<String, i64>,
    refusal: Option<Refusal>,
    failure: Option<Blocked>,
}

impl Tally {
    fn take(&mut self, result: &Result<Answer, Fault>) {
        match result {
            Ok(answer) => {
                *self.statuses.entry(answer.status.clone()).or_default() += 1;
                match answer.refusal {
                    Some(refusal) => {
                        self.refused += 1;
                        self.refusal.get_or_insert(refusal);
                    }
                    None => self.granted += 1,
                }
            }
            Err(fault) => {
                self.failed += 1;
                self.failure.get_or_insert_with(|| fault.blocked().clone());
            }
        }
    }

    fn answered(&self) -> bool {
        self.granted + self.refused > 0
    }

    /// Records it, also where the look was cut off.
    pub fn see(&self, seen: &mut Seen) {
        if self.sent == 0 {
            return;
        }
        seen.know("sent", self.sent)
            .know("granted", self.granted)
            .know("refused", self.refused)
            .know("connections", self.connections);
        // Whether what was waited for would have come is open, and silence may be the way in which this server refuses.
        let waiting = self.sent - self.granted - self.refused - self.failed;
        let unanswered = (waiting > 0).then(|| {
            Blocked::new(Barrier::TimedOut, format!("{waiting} requests had no answer when the look ended"))
        });
        seen.settle("failed", unanswered.clone().map_or(Ok(self.failed), Err));
        if !self.answered() {
            return;
        }
        let statuses = self.statuses.iter().map(|(status, count)| (status.clone(), Value::from(*count)));
        seen.know("answered", true).know("statuses", Value::Map(statuses.collect()));
        match (self.refusal, self.failure.as_ref().or(unanswered.as_ref())) {
            (Some(refusal), _) => {
                seen.know("limited", true).know("refusal", refusal.code);
                if self.granted == 0 {
                    grants_nothing(seen);
                }
            }
            // It may be the way in which this server refuses.
            (None, Some(failure)) => {
                for fact in ["limited", "refusal", "retry_after"] {
                    seen.block(fact, failure.clone());
                }
                seen.block_rest(failure.clone());
                return;
            }
            (None, None) => _ = seen.know("limited", false).know("refusal", Value::Null),
        }
        let unread = || {
            Blocked::new(
                Barrier::Unsupported,
                "the refusal says when to come again, but not as a whole number of seconds",
            )
        };
        let retry_after = match self.refusal.map(|refusal| refusal.wait) {
            None | Some(Wait::Unsaid) => Ok(Value::Null),
            Some(Wait::Seconds(seconds)) => Ok(Value::from(seconds)),
            Some(Wait::Unread) => Err(unread()),
        };
        seen.settle("retry_after", retry_after);
    }
}

/// Who refuses everything, as a server that is down, shows no limit: nothing is known of one.
fn grants_nothing(seen: &mut Seen) {
    let why = Blocked::new(Barrier::Prerequisite, "no request was granted, so no limit was seen");
    for fact in
        ["limited", "burst", "limit_per_s", "forgives_ms", "per_connection", "per_address", "per_identity"]
    {
        seen.facts.remove(fact);
        seen.block(fact, why.clone());
    }
}

/// A request that has come to its end.
pub(super) struct Sent {
    due: Instant,
    /// Just before it was sent, and just after its answer was whole.
    pub sent: Instant,
    pub ended: Instant,
    /// How long of that the observer was kept waiting for a processor, if that is known.
    delay: Option<Duration>,
    pub result: Result<Answer, Fault>,
}

impl Sent {
    pub fn is_granted(&self) -> bool {
        matches!(&self.result, Ok(answer) if answer.refusal.is_none())
    }

    pub fn is_refused(&self) -> bool {
        matches!(&self.result, Ok(answer) if answer.refusal.is_some())
    }

    /// The least and the most that its latency was, in milliseconds.
    fn latency(&self) -> (f64, f64) {
        let sent = self.ended.duration_since(self.sent);
        let least = self.delay.map_or(Duration::ZERO, |delay| sent.saturating_sub(delay));
        (milliseconds(least), milliseconds(self.ended.duration_since(self.due)))
    }
}

/// Requests at a fixed rate, in the order in which they were due.
pub(super) struct Volley(pub Vec<Sent>);

impl Volley {
    /// The one of which it was first known that it was refused. Requests over several connections may come in any order.
    pub fn refusal(&self) -> Option<&Sent> {
        self.0.iter().filter(|sent| sent.is_refused()).min_by_key(|sent| sent.ended)
    }

    /// How many were granted.
    pub fn granted(&self) -> usize {
        self.0.iter().filter(|sent| sent.is_granted()).count()
    }

    /// How many were granted at least, and at most, before the first refusal was decided: between when it was sent and when it was known.
    pub fn granted_before(&self, refusal: &Sent) -> (usize, usize) {
        let first_sent = self.0.iter().filter(|sent| sent.is_refused()).map(|sent| sent.sent).min();
        let granted = || self.0.iter().filter(|sent| sent.is_granted());
        let surely = granted().filter(|sent| first_sent.is_some_and(|first| sent.ended <= first)).count();
        (surely, granted().filter(|sent| sent.sent < refusal.ended).count())
    }

    /// What was answered to those that were granted.
    pub fn granted_statuses(&self) -> BTreeSet<String> {
        let answers =
            self.0.iter().filter(|sent| sent.is_granted()).filter_map(|sent| sent.result.as_ref().ok());
        answers.map(|answer| answer.status.clone()).collect()
    }

    /// The fault of the first one that failed.
    pub fn failure(&self) -> Option<&Fault> {
        self.0.iter().find_map(|sent| sent.result.as_ref().err())
    }

    /// The rate a second at which all were really sent; `None` of a single one.
    pub fn rate(&self) -> Option<f64> {
        let (first, last) = (self.0.first()?, self.0.last()?);
        per_second(self.0.len() - 1, last.sent.checked_duration_since(first.sent)?)
    }

    /// The rate a second that was refused, at most: the server may have granted the first one as late as it answered, and refused this one as
    /// soon as it was sent.
    pub fn refused_rate(&self, refusal: &Sent) -> Option<f64> {
        let first = self.0.iter().find(|sent| sent.is_granted())?;
        let (_, granted) = self.granted_before(refusal);
        per_second(granted, refusal.sent.checked_duration_since(first.ended)?)
    }

    /// The time within which this part of those that were granted were answered: the least and the most that it is.
    pub fn latency(&self, part: f64) -> Option<Value> {
        let granted = self.0.iter().filter(|sent| sent.is_granted());
        let (least, most): (Vec<f64>, Vec<f64>) = granted.map(Sent::latency).unzip();
        Some(Value::interval(nearest_rank(least, part)?, nearest_rank(most, part)))
    }
}

fn per_second(count: usize, span: Duration) -> Option<f64> {
    (count > 0 && !span.is_zero()).then(|| number(count) / span.as_secs_f64())
}

/// The least of these times below which, itself included, this part of them lies.
fn nearest_rank(mut times: Vec<f64>, part: f64) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    let count = number(times.len());
    (1..).zip(times).find(|(rank, _)| number(*rank) >= part * count).map(|(_, time)| time)
}

/// A count as a double.
#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
pub(super) fn number(count: usize) -> f64 {
    count as f64
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Until when requests are sent.
#[derive(Clone, Copy)]
pub(super) enum Until {
    /// Until one is refused, or if it is the first that fails.
    Refused,
    /// Until one is refused or fails.
    RefusedOrFailed,
}

/// The connections of a caller, with what may still be sent.
pub(super) struct Pool<'a> {
    caller: &'a Caller<'a>,
    tally: &'a mut Tally,
    /// The one to be used next is the last.
    idle: Vec<Line>,
    left: usize,
    /// What was seen of TLS.
    seen: Seen,
}

impl<'a> Pool<'a> {
    pub fn new(caller: &'a Caller<'a>, tally: &'a mut Tally, most: usize) -> Self {
        Self { caller, tally, idle: Vec::new(), left: most, seen: Seen::default() }
    }

    /// How many requests may still be sent.
    pub const fn left(&self) -> usize {
        self.left
    }

    /// How many were granted so far, to whomever.
    pub fn granted(&self) -> usize {
        usize::try_from(self.tally.granted).unwrap_or(usize::MAX)
    }

    /// What was seen of TLS.
    pub fn tls(&self) -> &Seen {
        &self.seen
    }

    /// Sends this many at so many a second, or fewer where it ends before.
    pub async fn send(&mut self, rate: f64, most: usize, until: Until) -> Volley {
        let (caller, alarm, began) = (self.caller, Alarm::new(), Instant::now());
        let most = most.min(self.left);
        let (mut under_way, mut ended) = (FuturesUnordered::new(), Vec::new());
        let (mut next, mut over, mut refused_over) = (0, false, None);
        loop {
            let due = began + Duration::from_secs_f64(number(next) / rate);
            let may_send = next < most && !over && under_way.len() < MAX_LINES;
            tokio::select! {
                biased;
                Some((place, (sent, line, seen))) = under_way.next() => {
                    self.take(&sent, &seen);
                    over |= sent.is_refused()
                        || match until {
                            Until::Refused => !self.tally.answered(),
                            Until::RefusedOrFailed => sent.result.is_err(),
                        };
                    match line {
                        Some(line) if sent.is_refused() && refused_over.is_none() => refused_over = Some(line),
                        line => self.idle.extend(line),
                    }
                    ended.push((place, sent));
                }
                () = alarm.wait_until(due), if may_send => {
                    let line = self.next_line();
                    self.count(line.is_none());
                    let place = next;
                    next += 1;
                    under_way.push(async move { (place, request(caller, line, due).await) });
                }
                else => break,
            }
        }
        // The one that was refused is the one to ask again.
        self.idle.extend(refused_over);
        ended.sort_by_key(|(place, _)| *place);
        Volley(ended.into_iter().map(|(_, sent)| sent).collect())
    }

    /// Sends one over the connection that was used last; where that was closed, as a server may do to who was refused often, over a new
    /// one.
    pub async fn ask(&mut self) -> Sent {
        let line = self.next_line();
        let used = line.is_some();
        let sent = self.ask_over(line).await;
        if sent.result.is_err() && used { self.ask_over(None).await } else { sent }
    }

    async fn ask_over(&mut self, line: Option<Line>) -> Sent {
        self.count(line.is_none());
        let (sent, line, seen) = request(self.caller, line, Instant::now()).await;
        self.idle.extend(line);
        self.take(&sent, &seen);
        sent
    }

    /// Sends one as somebody, over a connection of their own, which is made if there is none, and at the same time one as [`Self::ask`]
    /// does.
    pub async fn ask_beside(&mut self, other: &Caller<'_>, line: &mut Option<Line>) -> (Sent, Sent) {
        let own = self.next_line();
        let used = own.is_some();
        self.count(line.is_none());
        self.count(own.is_none());
        let (theirs, ours) = tokio::join!(
            request(other, line.take(), Instant::now()),
            request(self.caller, own, Instant::now())
        );
        let ((asked, their_line, their_seen), (mut again, our_line, our_seen)) = (theirs, ours);
        *line = their_line;
        self.idle.extend(our_line);
        self.take(&asked, &their_seen);
        self.take(&again, &our_seen);
        if again.result.is_err() && used {
            again = self.ask_over(None).await;
        }
        (asked, again)
    }

    /// Sends so many at once, each over a new connection, which is not kept.
    pub async fn ask_anew(&mut self, caller: &Caller<'_>, count: usize) -> Vec<Sent> {
        let requests = (0..count).map(|_| request(caller, None, Instant::now()));
        (0..count).for_each(|_| self.count(true));
        let done = futures_util::future::join_all(requests).await;
        for (sent, _, seen) in &done {
            self.take(sent, seen);
        }
        done.into_iter().map(|(sent, ..)| sent).collect()
    }

    fn next_line(&mut self) -> Option<Line> {
        while let Some(line) = self.idle.pop() {
            if !line.is_closed() {
                return Some(line);
            }
        }
        None
    }

    fn count(&mut self, connects: bool) {
        self.tally.sent += 1;
        self.tally.connections += i64::from(connects);
        self.left = self.left.saturating_sub(1);
    }

    fn take(&mut self, sent: &Sent, seen: &Seen) {
        self.tally.take(&sent.result);
        for fact in tls::FACTS {
            match (seen.facts.get(fact), seen.unknown.get(fact)) {
                (Some(value), _) => _ = self.seen.know(fact, value.clone()),
                (None, Some(blocked)) => _ = self.seen.block(fact, blocked.clone()),
                (None, None) => {}
            }
        }
    }
}

/// Sends one request; with the connection, if that takes another one, and what was seen of TLS.
async fn request(caller: &Caller<'_>, line: Option<Line>, due: Instant) -> (Sent, Option<Line>, Seen) {
    let (mut seen, waited, sent) = (Seen::default(), scheduling_delay(), Instant::now());
    let (result, mut line) = caller.ask(line, &mut seen).await;
    let ended = Instant::now();
    let waited = waited.zip(scheduling_delay());
    let delay = waited.map(|(before, after)| after.saturating_sub(before));
    if let Some(used) = &mut line
        && !used.is_good().await
    {
        line = None;
    }
    (Sent { due, sent, ended, delay, result }, line, seen)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Requests by the milliseconds at which they were sent and ended, and whether they were refused.
    fn volley(requests: &[(u64, u64, bool)]) -> Volley {
        let began = Instant::now();
        let at = |ms: &u64| began + Duration::from_millis(*ms);
        let refusal = Refusal { code: 429, wait: Wait::Unsaid };
        let request = |(sent, ended, refused): &(u64, u64, bool)| {
            let answer = Answer { status: String::new(), refusal: refused.then_some(refusal) };
            Sent { due: at(sent), sent: at(sent), ended: at(ended), delay: None, result: Ok(answer) }
        };
        Volley(requests.iter().map(request).collect())
    }

    #[test]
    fn what_was_granted_before_a_refusal_is_no_better_known_than_when_that_was_decided() {
        let in_turn = volley(&[(0, 1, false), (10, 11, false), (20, 21, true), (30, 31, false)]);
        let refusal = in_turn.refusal().unwrap();
        assert_eq!(in_turn.granted_before(refusal), (2, 2));
        // Two in 19 milliseconds, from when the first one may have been granted.
        assert_eq!(in_turn.refused_rate(refusal), Some(2.0 / 0.019));
        // The second overtook the first: which of them was granted before is open.
        let at_once = volley(&[(0, 50, false), (5, 20, true), (10, 60, false), (30, 40, false)]);
        let refusal = at_once.refusal().unwrap();
        assert_eq!(at_once.granted_before(refusal), (0, 2));
        assert_eq!(at_once.refused_rate(refusal), None);
        let none = volley(&[(0, 1, true)]);
        assert_eq!((none.granted_before(none.refusal().unwrap()), none.granted()), ((0, 0), 0));
    }

    #[test]
    fn a_part_of_all_is_of_those_that_were_seen() {
        let times: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(nearest_rank(times.clone(), 0.5), Some(50.0));
        assert_eq!(nearest_rank(times, 0.99), Some(99.0));
        assert_eq!(nearest_rank(vec![3.0, 1.0, 2.0], 0.99), Some(3.0));
        assert_eq!(nearest_rank(Vec::new(), 0.5), None);
    }

    #[test]
    fn a_latency_counts_from_when_the_request_was_due() {
        let due = Instant::now();
        let at = |ms| due + Duration::from_millis(ms);
        let granted = Ok(Answer { status: "200".to_owned(), refusal: None });
        let (sent, ended, delay) = (at(3), at(10), Some(Duration::from_millis(2)));
        let one = Sent { due, sent, ended, delay, result: granted };
        let volley = Volley(vec![one]);
        assert_eq!(volley.latency(0.5), Some(Value::interval(5.0, Some(10.0))));
        let unknown = Volley(volley.0.into_iter().map(|one| Sent { delay: None, ..one }).collect());
        assert_eq!(unknown.latency(0.5), Some(Value::interval(0.0, Some(10.0))));
    }
}
