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

use super::found::{EntryProblem, FileProblem, Found, Objection, Obstacle, Shown};

/// How many missing artifacts are named.
const MAX_NAMED: usize = 5;

/// What is wrong with a first entry, whose fields have the right types.
fn unsound(start: &Start) -> Option<EntryProblem> {
    let first = start.ledger.run == 1;
    let ledger = (start.ledger.head.is_some(), start.ledger.began.is_some()) == (!first, !first);
    let digests = start.files.values().chain(start.ledger.head.as_ref()).chain(start.reproduces.as_ref());
    if !is_hex(&start.run, 16) {
        Some(EntryProblem::Run)
    } else if start.ledger.run == 0 || !ledger {
        Some(EntryProblem::Ledger)
    } else if !digests.chain([&start.resolved_sha256]).all(|digest| is_hex(digest, 32)) {
        Some(EntryProblem::Digest)
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
    problem: Option<(u64, EntryProblem)>,
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
    pub(super) missing: Vec<FileProblem>,
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
                        Err(error) => log.wrong(number, EntryProblem::NoEntry { error: error.to_string() }),
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

    fn wrong(&mut self, number: u64, problem: EntryProblem) {
        self.problem.get_or_insert((number, problem));
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
            self.wrong(number, EntryProblem::OutOfPlace { says });
        }
        match &body {
            Body::Start(start) if number == 0 => {
                if let Some(reason) = unsound(start) {
                    self.wrong(number, reason);
                }
            }
            Body::Endorsement(_) if number == 1 => {}
            Body::Start(_) | Body::Endorsement(_) => {
                self.wrong(number, EntryProblem::NotAtTheBeginning);
            }
            Body::Close(_) => self.close = self.unsigned_close.take(),
            Body::Observation(observation) => {
                if !self.observers.contains(&observation.observer) {
                    self.wrong(number, EntryProblem::UnknownObserver { observer: observation.observer });
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
            Some((_, is)) => FileProblem::OtherSize { file: name, bytes: *is, entry: number, recorded: size },
            None => FileProblem::ArtifactMissing { file: name, entry: number },
        };
        self.missing_count += 1;
        if self.missing.len() < MAX_NAMED {
            self.missing.push(wrong);
        }
    }

    pub(super) fn entries(&self) -> Found {
        match (&self.end, &self.problem) {
            (Err(error), _) => Objection::LogUnreadable { error: error.to_string() }.into(),
            (_, Some((entry, problem))) => {
                Objection::Entry { entry: *entry, problem: problem.clone() }.into()
            }
            _ if self.limit == 0 => Obstacle::NothingCovered.into(),
            _ => Shown::EntriesWhole { signed: self.limit.min(self.frontier.size()) }.into(),
        }
    }

    pub(super) fn tree(&self, head: &Checkpoint) -> Found {
        match self.root_at_limit {
            None if head.size == 0 => Objection::NothingCovered.into(),
            None => Objection::EntriesMissing { covered: head.size, held: self.frontier.size() }.into(),
            Some(root) if root == head.root => Shown::RootReached.into(),
            Some(_) => Objection::OtherRoot.into(),
        }
    }

    pub(super) fn endorsement(&self, bundle: &Bundle) -> Found {
        let Some(endorsement) = &self.endorsement else {
            return Objection::NotEndorsed.into();
        };
        match key::check(&bundle.start().operator_key, bundle.first_line(), &endorsement.signature) {
            Ok(()) => Shown::Endorsed.into(),
            Err(error) => Objection::WrongSignature { error: error.to_string() }.into(),
        }
    }

    /// Whether the log ends as a complete run's does, all of it signed.
    pub(super) fn closing(&self, signed: bool) -> Found {
        let unsigned = self.frontier.size().saturating_sub(self.limit);
        if let Some(number) = self.after_close {
            return Objection::EntryAfterEnd { entry: number }.into();
        }
        if self.close.is_some() && !matches!(self.end, Ok(End::Whole)) {
            return Objection::BytesAfterEnd.into();
        }
        let cut_line = !matches!(self.end, Ok(End::Whole));
        match (signed, &self.unsigned_close) {
            (true, _) => Shown::Ended.into(),
            (false, Some(_)) => Obstacle::ClosingEntryNotCovered { unsigned }.into(),
            (false, None) => Obstacle::NoClosingEntry { unsigned, cut_line }.into(),
        }
    }
}
