//! `rate-limit`: how many requests are granted before one is refused, by what they are counted, how soon the limit forgives, and at which
//! rate it lies.

mod alarm;
mod line;
mod search;
mod volley;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use probity_plan::kinds::rate_limit::RateLimit;
use probity_plan::{Barrier, Blocked, Value};

use self::line::Caller;
use self::search::Search;
use self::volley::{Pool, Sent, Tally, Until, Volley, milliseconds, number};
use crate::connect::{Conversation, Fault};
use crate::look::{Context, Look, Seen};

/// So many more than a burst are sent at a rate before it counts as granted.
const BEYOND: usize = 10;
/// How often it is tried to see who else is let in while somebody is refused, and how often a rate is tried that a limit had not yet
/// forgiven.
const TRIES: usize = 3;
/// The least wait before it is asked whether a refusal is forgiven; else an eighth of the time since, so that what is found is
/// that exact.
const LEAST_WAIT: Duration = Duration::from_millis(10);

impl Look for RateLimit {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let mut seen = Seen::default();
        let conversation = Conversation::default();
        let mut tally = Tally::default();
        let probing = probe(self, context, &conversation, &mut tally, &mut seen);
        let probed = context.in_time(probing).await;
        tally.see(&mut seen);
        conversation.conclude(probed, context, &mut seen);
        seen
    }
}

async fn probe(
    act: &RateLimit,
    context: &Context<'_>,
    conversation: &Conversation,
    tally: &mut Tally,
    seen: &mut Seen,
) -> Result<(), Fault> {
    let unsupported = |why: &str| Blocked::new(Barrier::Unsupported, why);
    if !(1..=10_000).contains(&act.first_rate()) {
        return Err(unsupported("`rate` is 1 to 10000 requests a second").into());
    }
    if !(1..=1_000_000).contains(&act.most()) {
        return Err(unsupported("`at_most` is 1 to 1000000 requests").into());
    }
    let caller = Caller::new(act.clone(), None, context, conversation)?;
    let (rate, most) = (f64::from(act.first_rate()), act.most() as usize);
    let mut pool = Pool::new(&caller, tally, most);
    let began = Instant::now();
    let first = pool.send(rate, most, Until::Refused).await;
    seen.facts.extend(pool.tls().facts.clone());
    seen.unknown.extend(pool.tls().unknown.clone());
    if let Some(fault) = first.failure().filter(|_| first.0.iter().all(|sent| sent.result.is_err())) {
        return Err(fault.clone());
    }
    seen.know("connected", true);
    see_first(&first, seen);
    let Some(refusal) = first.refusal() else {
        let why = Blocked::new(Barrier::Prerequisite, "no request was refused");
        seen.block_rest(why);
        return Ok(());
    };
    let (at_least, burst) = first.granted_before(refusal);
    let mut search = Search::new(rate, first.refused_rate(refusal));
    seen.settle("limit_per_s", search.limit());
    let at_most = search.at_most().unwrap_or(f64::INFINITY);
    let first = First {
        began,
        granted: at_least,
        span: refusal.ended.duration_since(began),
        statuses: first.granted_statuses(),
    };
    let mut limit = Limit { pool, context, rate, burst, first, at_most };
    if let Some(forgiven) = limit.forgive(seen).await? {
        limit.search(&mut search, forgiven, seen).await?;
    }
    see_by_what(act, &caller, &mut limit, conversation, seen).await?;
    seen.block_rest(not_enough());
    Ok(())
}

/// What the first requests show.
fn see_first(first: &Volley, seen: &mut Seen) {
    let rate = first.rate();
    if let Some(rate) = rate {
        seen.know("rate_per_s", Value::interval(rate, Some(rate)));
    }
    match (first.refusal(), first.failure()) {
        (Some(refusal), _) => {
            let (at_least, at_most) = first.granted_before(refusal);
            seen.know("burst", Value::interval(number(at_least), Some(number(at_most))));
        }
        // What failed was perhaps refused that way.
        (None, Some(_)) => {}
        (None, None) => {
            seen.know("burst", Value::interval(number(first.granted()), None))
                .know("limit_per_s", Value::interval(rate.unwrap_or(0.0), None));
        }
    }
    for (fact, part) in [("latency_p50_ms", 0.5), ("latency_p99_ms", 0.99)] {
        if let Some(latency) = first.latency(part) {
            seen.know(fact, latency);
        }
    }
}

/// By what the limit counts: who else is let in while the one who met it is refused.
async fn see_by_what(
    act: &RateLimit,
    caller: &Caller<'_>,
    limit: &mut Limit<'_>,
    conversation: &Conversation,
    seen: &mut Seen,
) -> Result<(), Fault> {
    let context = limit.context;
    let by_connection = limit.counts_apart(caller, Who::Same).await;
    let each_alone = by_connection == Ok(true);
    seen.settle("per_connection", by_connection);
    let means = |name: &str| Blocked::new(Barrier::Unsupported, format!("the probe names no `{name}`"));
    let alone = Blocked::new(Barrier::Prerequisite, "each connection counts alone, whoever makes it");
    let by_address = match act.other_address {
        None => Err(means("other_address")),
        Some(_) if each_alone => Err(alone.clone()),
        other => {
            let other = Caller::new(act.clone(), other, context, conversation)?;
            limit.counts_apart(&other, Who::Other).await
        }
    };
    seen.settle("per_address", by_address);
    let by_identity = match &act.other_identity {
        None => Err(means("other_identity")),
        Some(_) if each_alone => Err(alone),
        Some(other) => {
            let other = Caller::new(act.as_other(other), None, context, conversation)?;
            limit.counts_apart(&other, Who::Other).await
        }
    };
    seen.settle("per_identity", by_identity);
    Ok(())
}

fn not_enough() -> Blocked {
    Blocked::new(Barrier::NotMade, "the requests of `at_most` or the time did not suffice")
}

/// A limit that was met.
struct Limit<'a> {
    pool: Pool<'a>,
    context: &'a Context<'a>,
    /// The rate a second at which it was met, and how many were granted before.
    rate: f64,
    burst: usize,
    first: First,
    /// The most a second that it can grant on and on, as far as that is known.
    at_most: f64,
}

/// What the first requests showed, up to the first refusal.
struct First {
    began: Instant,
    /// How many were granted at least.
    granted: usize,
    /// Within which time.
    span: Duration,
    /// What was answered to those that were granted.
    statuses: BTreeSet<String>,
}

/// Who else is asked for.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    /// The same caller over a new connection.
    Same,
    /// Somebody who has asked nothing before.
    Other,
}

/// A limit that refuses now.
struct Exhausted {
    /// How many were granted before.
    granted: usize,
    /// The rate a second that was refused, at most, if that is known.
    rate: Option<f64>,
    refused: Times,
}

/// When a request was sent, and when its answer was here.
#[derive(Clone, Copy)]
struct Times {
    sent: Instant,
    ended: Instant,
}

impl Times {
    fn of(request: &Sent) -> Self {
        Self { sent: request.sent, ended: request.ended }
    }
}

/// How a limit forgave.
struct Forgiven {
    /// The refusal that was the first.
    refused: Times,
    /// How long that took at most.
    after: Duration,
}

impl Limit<'_> {
    /// Asks until it refuses.
    async fn exhaust(&mut self) -> Result<Exhausted, Blocked> {
        let most = self.burst + BEYOND;
        let mut volley = self.pool.send(self.rate, most, Until::RefusedOrFailed).await;
        if volley.granted() == 0 && volley.failure().is_some() {
            // The connection may have been closed for what was refused before.
            volley = self.pool.send(self.rate, most, Until::RefusedOrFailed).await;
        }
        if let Some(fault) = volley.failure() {
            return Err(fault.blocked().clone());
        }
        match volley.refusal() {
            Some(refusal) => Ok(Exhausted {
                granted: volley.granted(),
                rate: volley.refused_rate(refusal),
                refused: Times::of(refusal),
            }),
            None if volley.0.len() < most => Err(not_enough()),
            None => {
                let why = format!("{most} requests were granted where {} were before", self.burst);
                Err(Blocked::new(Barrier::Changed, why))
            }
        }
    }

    /// Whether it counts somebody apart: whether it grants them what nobody who shares the same limit can get in that time. Both ask side by
    /// side, so that of a limit that is renewed meanwhile both get about as much. Not apart is who is refused before they got what somebody
    /// who asks for the first time gets.
    async fn counts_apart(&mut self, other: &Caller<'_>, who: Who) -> Result<bool, Blocked> {
        let mut before = 0;
        for _ in 0..TRIES {
            let began = self.exhaust().await?.refused.sent;
            let (mut own, mut others, mut refused, mut line) = (0, 0, false, None);
            while others < self.burst + BEYOND && !refused {
                if self.pool.left() < 2 {
                    return Err(not_enough());
                }
                let (asked, again) = self.pool.ask_beside(other, &mut line).await;
                if let Some(fault) = [&asked, &again].iter().find_map(|sent| sent.result.as_ref().err()) {
                    return Err(fault.blocked().clone());
                }
                self.is_let_in(&asked)?;
                own += usize::from(again.is_granted());
                others += usize::from(asked.is_granted());
                refused = asked.is_refused();
            }
            let forgiven = self.at_most * began.elapsed().as_secs_f64() + 1.0;
            if number(others) > forgiven && others >= 2 * own + 2 {
                return Ok(true);
            }
            if refused && self.burst > 0 && number(before + others) < self.fresh(who) {
                return Ok(false);
            }
            if who == Who::Other {
                before += others;
            }
        }
        if who == Who::Same && self.burst > 0 && self.refuses_new_connections(other).await? {
            return Ok(false);
        }
        let why =
            "it forgives too soon, or grants too little at once, to tell whether others are counted apart";
        Err(Blocked::new(Barrier::Changed, why))
    }

    /// That this answer is a refusal, or one that the first caller was granted too: of somebody who is turned away for another reason the
    /// limit says nothing.
    fn is_let_in(&self, asked: &Sent) -> Result<(), Blocked> {
        match &asked.result {
            Ok(answer) if answer.refusal.is_none() && !self.first.statuses.contains(&answer.status) => {
                let statuses: Vec<&str> = self.first.statuses.iter().map(String::as_str).collect();
                let why = format!(
                    "others got {}, which is no refusal, where the first one was granted {}",
                    answer.status,
                    statuses.join(", ")
                );
                Err(Blocked::new(Barrier::Prerequisite, why))
            }
            _ => Ok(()),
        }
    }

    /// How many are granted, at least, to somebody who is counted apart and asks for the first time: one over a new connection, as the first
    /// requests may have gone over many. Of what was granted first, some may have come to be granted meanwhile, and a window may have ended
    /// in between.
    fn fresh(&self, who: Who) -> f64 {
        let forgiven = self.at_most * self.first.span.as_secs_f64();
        match who {
            Who::Same => 1.0,
            Who::Other => ((number(self.first.granted) - forgiven) / 2.0).max(1.0),
        }
    }

    /// Whether, of new connections that ask once and all at once, one is refused: none would be that is counted alone.
    async fn refuses_new_connections(&mut self, caller: &Caller<'_>) -> Result<bool, Blocked> {
        self.exhaust().await?;
        if self.pool.left() < BEYOND {
            return Err(not_enough());
        }
        let sent = self.pool.ask_anew(caller, BEYOND).await;
        Ok(sent.iter().any(Sent::is_refused))
    }

    /// Tells where it lies. What has contradicted itself stays unknown.
    fn tell(&self, search: &Search, seen: &mut Seen) {
        if !seen.unknown.contains_key("limit_per_s") {
            seen.facts.remove("limit_per_s");
            seen.settle("limit_per_s", self.lies(search));
        }
    }

    /// Where it lies, unless more was granted since the first request than any limit below that grants: in windows as long as that one
    /// may begin just then, so that twice as many may be granted at once.
    fn lies(&self, search: &Search) -> Result<Value, Blocked> {
        let (at_most, granted) = (search.at_most().unwrap_or(f64::INFINITY), self.pool.granted());
        let time = self.first.began.elapsed().as_secs_f64();
        if number(granted) > at_most * time + number(2 * self.burst) {
            let why = format!(
                "{granted} requests were granted within {time:.1} s, and then {at_most:.1} a second refused"
            );
            return Err(Blocked::new(Barrier::Changed, why));
        }
        search.limit()
    }

    fn time_left(&self) -> Duration {
        self.context.timeout.saturating_sub(self.context.began.elapsed())
    }

    /// Asks again and again until it grants; none if time or requests do not suffice.
    async fn forgive(&mut self, seen: &mut Seen) -> Result<Option<Forgiven>, Fault> {
        let refused = match self.exhaust().await {
            Ok(exhausted) => exhausted.refused,
            Err(blocked) => {
                seen.block("forgives_ms", blocked);
                return Ok(None);
            }
        };
        let mut refused_until = 0.0;
        loop {
            let wait = (refused.ended.elapsed() / 8).max(LEAST_WAIT);
            if self.pool.left() == 0 || self.time_left() <= wait {
                return Ok(None);
            }
            tokio::time::sleep(wait).await;
            let sent = self.pool.ask().await;
            let at_least = milliseconds(sent.sent.duration_since(refused.ended));
            if sent.result?.refusal.is_some() {
                refused_until = at_least;
                seen.know("forgives_ms", Value::interval(refused_until, None));
                continue;
            }
            let after = sent.ended.duration_since(refused.sent);
            // Of what is granted bit by bit, no more came to be granted.
            self.at_most = self.at_most.min(1000.0 / refused_until);
            seen.know("forgives_ms", Value::interval(refused_until, Some(milliseconds(after))));
            return Ok(Some(Forgiven { refused, after }));
        }
    }

    /// Tries one rate after another, each from where it had refused.
    async fn search(
        &mut self,
        search: &mut Search,
        forgiven: Forgiven,
        seen: &mut Seen,
    ) -> Result<(), Fault> {
        let Forgiven { refused, after } = forgiven;
        // From one refusal to the next, with the one that was granted in between.
        let Ok(exhausted) = self.exhaust().await else { return Ok(()) };
        let cycle = exhausted.refused.sent.duration_since(refused.sent).as_secs_f64();
        search.begin_at(number(exhausted.granted + 1) / cycle);
        search.bound(exhausted.rate);
        self.tell(search, seen);
        let (mut after, mut tries) = (after, 0);
        let mut refused = exhausted.refused;
        let most = self.burst + BEYOND;
        while let Some(rate) = search.next() {
            let begin = refused.ended + after + Duration::from_secs_f64(1.0 / rate);
            // Some of the time is left for what else is to be seen.
            let wait = begin.saturating_duration_since(Instant::now()) + self.context.timeout / 4;
            let time = self.time_left().saturating_sub(wait).as_secs_f64();
            // What is too much is refused long before all are sent, so less time than for all of them is used too.
            let suffices = (1..=most).rev().find(|count| number(*count) < time * rate).unwrap_or(0);
            if self.pool.left() < most || suffices < BEYOND {
                break;
            }
            tokio::time::sleep_until(begin.into()).await;
            let volley = self.pool.send(rate, suffices, Until::RefusedOrFailed).await;
            if let Some(fault) = volley.failure() {
                return Err(fault.clone());
            }
            refused = match (volley.refusal(), volley.0.last()) {
                (Some(refusal), _) if volley.granted() > 0 => {
                    search.refuse(rate, volley.refused_rate(refusal));
                    Times::of(refusal)
                }
                // It has not forgiven yet.
                (Some(refusal), _) if tries < TRIES => {
                    after *= 2;
                    tries += 1;
                    Times::of(refusal)
                }
                (None, Some(last)) if suffices == most => {
                    // Since it refused it has granted no more than what came to be granted since.
                    let span = last.ended.duration_since(refused.sent).as_secs_f64();
                    search.grant(rate, number(most - 1) / span);
                    self.tell(search, seen);
                    match self.exhaust().await {
                        Ok(exhausted) => exhausted.refused,
                        Err(_) => break,
                    }
                }
                _ => break,
            };
            self.tell(search, seen);
        }
        self.at_most = self.at_most.min(search.at_most().unwrap_or(f64::INFINITY));
        Ok(())
    }
}
