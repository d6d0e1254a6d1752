//! One pass over the log: what every check of its lines needs, gathered while it is read.

use std::collections::{BTreeSet, HashSet};
use std::io;

use crate::bundle::{Bundle, INDEXED};
use crate::checkpoint::Checkpoint;
use crate::entry::{Body, Close, Endorsement, Start};
use crate::hex::is_hex;
use crate::key;
use crate::line::artifacts_of;
use crate::pipeline::{End, Line, read_log};
use crate::projection::Reading;
use crate::store::Store;
use crate::tree::{Frontier, Hash};

use super::{Found, failed, not_made, passed};
use probity_plan::units::counted;

/// How many missing artifacts are named.
const MAX_NAMED: usize = 5;

/// What is wrong with a first entry, whose fields have the right types.
fn unsound(start: &Start) -> Option<&'static str> {
    let first = start.ledger.run == 1;
    let ledger = (start.ledger.head.is_some(), start.ledger.began.is_some()) == (!first, !first);
    let digests = start.files.values().chain(start.ledger.head.as_ref()).chain(start.reproduces.as_ref());
    if !is_hex(&start.run, 16) {
        Some("its `run` is not 16 bytes in lower-case hexadecimal")
    } else if start.ledger.run == 0 || !ledger {
        Some("its `ledger` is none: run 1 has no run before it, and all others have one")
    } else if !digests.chain([&start.resolved_sha256]).all(|digest| is_hex(digest, 32)) {
        Some("a digest in it is not 32 bytes in lower-case hexadecimal")
    } else {
        None
    }
}

/// What one pass over the log found.
pub(super) struct Log<'a> {
    pub(super) frontier: Frontier,
    /// How many entries the checkpoint covers.
    pub(super) limit: u64,
    root_at_limit: Option<Hash>,
    end: io::Result<End>,
    /// The first thing wrong with a signed entry.
    problem: Option<String>,
    /// The second entry, signed or not: its own signature is by the operator's key.
    endorsement: Option<Endorsement>,
    /// The closing entry under the checkpoint.
    pub(super) close: Option<Close>,
    /// A closing entry that the checkpoint does not cover.
    pub(super) unsigned_close: Option<Close>,
    /// An entry that follows a closing entry, signed or not.
    after_close: Option<u64>,
    /// Artifacts that signed entries refer to and that are there with the size they say.
    pub(super) referenced: HashSet<&'a str>,
    pub(super) missing: Vec<String>,
    pub(super) missing_count: usize,
    /// The observers that entries tell of; 0 is the program that ran the plan.
    observers: BTreeSet<u32>,
    /// When the last signed look was over, in microseconds since the run began.
    pub(super) last_look_us: u64,
    /// Where the entries 0, [`INDEXED`], twice that, ... begin, in bytes.
    index: Vec<u64>,
}

impl<'a> Log<'a> {
    pub(super) fn read(
        bundle: &'a Bundle,
        head: Option<&Checkpoint>,
        reading: &Reading,
        read: &(dyn Fn(u64) + Sync),
        each: &mut dyn FnMut(u64, Body),
    ) -> Self {
        let mut log = Log {
            frontier: Frontier::default(),
            limit: head.map_or(0, |head| head.size),
            root_at_limit: None,
            end: Ok(End::Whole),
            problem: None,
            endorsement: None,
            close: None,
            unsigned_close: None,
            after_close: None,
            referenced: HashSet::new(),
            missing: Vec::new(),
            missing_count: 0,
            observers: BTreeSet::from([0]),
            last_look_us: 0,
            index: Vec::new(),
        };
        let store = bundle.store();
        let (mut closed, mut bytes) = (false, 0);
        log.end = bundle.log().and_then(|file| {
            read_log(file, reading, &bundle.start().declared, |Line { leaf, length, entry }| {
                let number = log.frontier.size();
                log.frontier.push(leaf);
                if number.is_multiple_of(INDEXED) {
                    log.index.push(bytes);
                }
                bytes += length as u64 + 1;
                read(length as u64 + 1);
                if closed {
                    log.after_close.get_or_insert(number);
                }
                match entry.as_ref().map(|entry| &entry.body) {
                    Ok(Body::Endorsement(endorsement)) if number == 1 => {
                        log.endorsement = Some(endorsement.clone());
                    }
                    Ok(Body::Close(close)) => {
                        closed = true;
                        log.unsigned_close = Some(close.clone());
                    }
                    _ => {}
                }
                if number < log.limit {
                    match entry {
                        Ok(entry) => log.signed(store, number, entry.entry, entry.body, each),
                        Err(error) => log.wrong(number, &error.to_string()),
                    }
                }
                if log.frontier.size() == log.limit {
                    log.root_at_limit = Some(log.frontier.root());
                }
            })
        });
        bundle.indexed(std::mem::take(&mut log.index));
        log
    }

    fn wrong(&mut self, number: u64, reason: &str) {
        self.problem.get_or_insert_with(|| format!("entry {number}: {reason}"));
    }

    fn signed(
        &mut self,
        store: &'a Store,
        number: u64,
        says: u64,
        body: Body,
        each: &mut dyn FnMut(u64, Body),
    ) {
        if says != number {
            self.wrong(number, &format!("it says it is entry {says}"));
        }
        match &body {
            Body::Start(start) if number == 0 => {
                if let Some(reason) = unsound(start) {
                    self.wrong(number, reason);
                }
            }
            Body::Endorsement(_) if number == 1 => {}
            Body::Start(_) | Body::Endorsement(_) => {
                self.wrong(number, "it belongs at the beginning of a log");
            }
            Body::Close(_) => self.close = self.unsigned_close.take(),
            Body::Observation(observation) => {
                if !self.observers.contains(&observation.observer) {
                    self.wrong(
                        number,
                        &format!("no entry before tells of the observer {}", observation.observer),
                    );
                }
                let over = observation.offset_us.saturating_add(observation.duration_us);
                self.last_look_us = self.last_look_us.max(over);
                for (digest, size) in artifacts_of(observation) {
                    self.refer(store, number, digest, size);
                }
            }
            Body::Observer(observer) => {
                self.observers.insert(observer.id);
            }
            Body::Event(_) => {}
        }
        each(number, body);
    }

    fn refer(&mut self, store: &'a Store, number: u64, digest: &str, size: u64) {
        let name = format!("artifacts/{digest}");
        let wrong = match store.files().get_key_value(&name) {
            Some((name, is)) if *is == size => {
                self.referenced.insert(name);
                return;
            }
            Some((_, is)) => format!("{name} has {is} bytes, entry {number} says {size}"),
            None => format!("{name} is missing (entry {number})"),
        };
        self.missing_count += 1;
        if self.missing.len() < MAX_NAMED {
            self.missing.push(wrong);
        }
    }

    pub(super) fn entries(&self) -> Found {
        match (&self.end, &self.problem) {
            (Err(error), _) => failed(format!("the log cannot be read: {error}")),
            (_, Some(problem)) => failed(problem.clone()),
            _ if self.limit == 0 => not_made("no checkpoint covers any"),
            _ => passed(format!(
                "{}, numbered without a gap",
                counted(self.limit.min(self.frontier.size()), "signed entry", "signed entries")
            )),
        }
    }

    pub(super) fn tree(&self, head: &Checkpoint) -> Found {
        match self.root_at_limit {
            None if head.size == 0 => failed("the checkpoint covers no entries"),
            None => failed(format!(
                "the checkpoint covers {}; the log holds {}: some were taken away",
                counted(head.size, "entry", "entries"),
                counted(self.frontier.size(), "whole one", "whole ones")
            )),
            Some(root) if root == head.root => passed("the lines lead to the root that the checkpoint signs"),
            Some(_) => failed(
                "the lines do not lead to the root that the checkpoint signs: one was changed, moved or replaced",
            ),
        }
    }

    pub(super) fn endorsement(&self, bundle: &Bundle) -> Found {
        let Some(endorsement) = &self.endorsement else {
            return failed("the second entry is not the operator's signature");
        };
        match key::check(&bundle.start().operator_key, bundle.first_line(), &endorsement.signature) {
            Ok(()) => passed("the first entry, which names the run's key, is signed by the operator's key"),
            Err(error) => failed(error.to_string()),
        }
    }

    /// Whether the log ends as a complete run's does, all of it signed.
    pub(super) fn closing(&self, signed: bool) -> Found {
        let rest = self.frontier.size().saturating_sub(self.limit);
        if let Some(number) = self.after_close {
            return failed(format!("entry {number} follows the closing entry: it was added"));
        }
        if self.close.is_some() && !matches!(self.end, Ok(End::Whole)) {
            return failed("bytes follow the closing entry: they were added");
        }
        let cut = if matches!(self.end, Ok(End::Whole)) { "" } else { " and a cut line" };
        let unsigned = counted(rest, "entry", "entries");
        match (signed, &self.unsigned_close) {
            (true, _) => passed("the run came to its end"),
            (false, Some(_)) => not_made(format!(
                "the closing entry is there, but no checkpoint covers it: {unsigned} after the last one \
                 decide nothing"
            )),
            (false, None) if rest == 0 && cut.is_empty() => {
                not_made("there is no closing entry: the run did not come to its end")
            }
            (false, None) => not_made(format!(
                "there is no closing entry: the run did not come to its end; {unsigned}{cut} after the last \
                 checkpoint, unsigned, decide nothing"
            )),
        }
    }
}
