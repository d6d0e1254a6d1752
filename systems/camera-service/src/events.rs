//! Who is told what: subscribers' mailboxes. A mailbox is bounded; a reader that is too slow loses its oldest notifications
//! and is told how many, and no publisher ever waits. It knows no socket.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use tokio::sync::Notify;

use crate::contract::{Audience, Filters, ForAudience, Notification, Topic};

/// Notifications that wait for a slow reader before the oldest is lost, and their bytes.
pub const MAILBOX: usize = 256;
/// See [`MAILBOX`].
pub const MAILBOX_BYTES: usize = 256 << 10;

/// A notification on the wire.
#[derive(Serialize)]
struct Wire<'a, P: Serialize> {
    jsonrpc: &'static str,
    method: &'a str,
    params: P,
}

fn wire<P: Serialize>(method: &str, params: P) -> Utf8Bytes {
    // Strings, numbers and maps with string keys: this cannot fail.
    serde_json::to_string(&Wire { jsonrpc: "2.0", method, params }).unwrap_or_default().into()
}

/// All mailboxes.
#[derive(Default)]
pub struct Hub {
    next: AtomicU64,
    mailboxes: RwLock<HashMap<u64, Arc<Mailbox>>>,
    /// Notifications that were sent.
    pub delivered: AtomicU64,
    /// Notifications that slow readers lost.
    pub lost: AtomicU64,
}

/// One connection's subscriptions and what waits to be sent to it.
#[derive(Default)]
pub struct Mailbox {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    /// Each topic with the cameras it is narrowed to; none: all.
    topics: BTreeMap<Topic, Arc<[String]>>,
    /// To whom notifications go.
    audience: Option<Audience>,
    queue: VecDeque<Utf8Bytes>,
    bytes: usize,
    /// Lost since the reader was last told.
    untold: u64,
    delivered: u64,
    lost: u64,
}

/// A lock whose holder panicked guards plain values, which are still what they were.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// A mailbox for a new connection, with the number by which it is removed.
    pub fn join(&self) -> (u64, Arc<Mailbox>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mailbox = Arc::new(Mailbox::default());
        self.mailboxes.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::clone(&mailbox));
        (number, mailbox)
    }

    /// Removes a connection's mailbox.
    pub fn leave(&self, number: u64) {
        self.mailboxes.write().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }

    /// Connections that are subscribed to something.
    pub fn subscribers(&self) -> u64 {
        let mailboxes = self.mailboxes.read().unwrap_or_else(PoisonError::into_inner);
        mailboxes.values().filter(|mailbox| !held(&mailbox.state).topics.is_empty()).count() as u64
    }

    /// Puts a notification into the mailbox of everybody who subscribed to its topic.
    pub fn publish(&self, notification: &Notification) {
        let method = topic_name(notification.topic);
        // Written once for all who may read the same; mostly that is one text or two.
        let mut texts: Vec<(Audience, Utf8Bytes)> = Vec::new();
        for mailbox in self.mailboxes.read().unwrap_or_else(PoisonError::into_inner).values() {
            let mut state = held(&mailbox.state);
            let Some(devices) = state.topics.get(&notification.topic) else { continue };
            let wanted = match &notification.device {
                Some(device) => devices.is_empty() || devices.iter().any(|wanted| **wanted == **device),
                None => true,
            };
            if !wanted {
                continue;
            }
            let Some(audience) = &state.audience else { continue };
            let text = match texts.iter().find(|(to, _)| to == audience) {
                Some((_, text)) => text.clone(),
                None => {
                    let mut fitted = notification.clone();
                    fitted.fit(audience);
                    let text = wire(&method, &fitted);
                    texts.push((audience.clone(), text.clone()));
                    text
                }
            };
            while state.queue.len() >= MAILBOX || state.bytes + text.len() > MAILBOX_BYTES {
                let Some(oldest) = state.queue.pop_front() else { break };
                state.bytes -= oldest.len();
                state.untold += 1;
                state.lost += 1;
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
            state.bytes += text.len();
            state.queue.push_back(text);
            drop(state);
            mailbox.wake.notify_one();
        }
    }
}

impl Mailbox {
    /// To whom notifications go from now on; before it is known, none are put in.
    pub fn set_audience(&self, audience: Audience) {
        held(&self.state).audience = Some(audience);
    }

    /// Adds topics; a topic subscribed to again takes the new filters.
    pub fn subscribe(&self, topics: &[Topic], filters: &Filters) -> Vec<Topic> {
        let mut state = held(&self.state);
        let devices: Arc<[String]> = Arc::from(&*filters.devices);
        for topic in topics {
            state.topics.insert(*topic, Arc::clone(&devices));
        }
        state.topics.keys().copied().collect()
    }

    /// Ends subscriptions, all where none is named.
    pub fn unsubscribe(&self, topics: Option<&[Topic]>) -> Vec<Topic> {
        let mut state = held(&self.state);
        match topics {
            Some(topics) => state.topics.retain(|topic, _| !topics.contains(topic)),
            None => state.topics.clear(),
        }
        state.topics.keys().copied().collect()
    }

    /// Topics, sent and lost.
    pub fn stats(&self) -> (Vec<Topic>, u64, u64) {
        let state = held(&self.state);
        (state.topics.keys().copied().collect(), state.delivered, state.lost)
    }

    /// What is to be sent next; first, if something was lost, how much.
    fn take(&self, hub: &Hub) -> Option<Utf8Bytes> {
        let mut state = held(&self.state);
        if state.untold > 0 {
            let lost = std::mem::take(&mut state.untold);
            return Some(wire("events_lost", BTreeMap::from([("count", lost)])));
        }
        let text = state.queue.pop_front()?;
        state.bytes -= text.len();
        state.delivered += 1;
        hub.delivered.fetch_add(1, Ordering::Relaxed);
        Some(text)
    }

    /// Waits for what is to be sent next. Nothing is taken if the wait is given up.
    pub async fn next(&self, hub: &Hub) -> Utf8Bytes {
        loop {
            let woken = self.wake.notified();
            if let Some(text) = self.take(hub) {
                return text;
            }
            woken.await;
        }
    }
}

fn topic_name(topic: Topic) -> String {
    match serde_json::to_value(topic) {
        Ok(serde_json::Value::String(name)) => name,
        _ => format!("{topic:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use jiff::Timestamp;

    fn event(topic: Topic, device: &str) -> Notification {
        Notification {
            topic,
            device: Some(device.into()),
            timestamp: Timestamp::UNIX_EPOCH,
            camera: None,
            recording: None,
            filename: None,
            reason: None,
        }
    }

    #[test]
    fn a_slow_reader_loses_the_oldest_and_is_told_how_many() {
        let hub = Hub::default();
        let (_, mailbox) = hub.join();
        mailbox.set_audience(Audience { details: false, base: "".into() });
        mailbox.subscribe(&[Topic::SnapshotTaken], &Filters::default());
        for number in 0..MAILBOX + 3 {
            hub.publish(&event(Topic::SnapshotTaken, &format!("c{number}")));
        }
        let first = mailbox.next(&hub).now_or_never().unwrap();
        assert_eq!(first.as_str(), r#"{"jsonrpc":"2.0","method":"events_lost","params":{"count":3}}"#);
        let second = mailbox.next(&hub).now_or_never().unwrap();
        assert!(second.contains(r#""device":"c3""#), "{second}");
        assert_eq!(mailbox.stats().2, 3);
    }

    #[test]
    fn only_what_was_subscribed_to_comes() {
        let hub = Hub::default();
        let (number, mailbox) = hub.join();
        mailbox.set_audience(Audience { details: false, base: "".into() });
        hub.publish(&event(Topic::CameraConnected, "a"));
        let filters = Filters { devices: vec!["a".into()].into() };
        mailbox.subscribe(&[Topic::CameraConnected], &filters);
        hub.publish(&event(Topic::CameraConnected, "b"));
        hub.publish(&event(Topic::SnapshotTaken, "a"));
        hub.publish(&event(Topic::CameraConnected, "a"));
        let only = mailbox.next(&hub).now_or_never().unwrap();
        assert!(
            only.contains(r#""method":"camera.connected""#) && only.contains(r#""device":"a""#),
            "{only}"
        );
        assert!(mailbox.next(&hub).now_or_never().is_none());
        mailbox.unsubscribe(None);
        assert_eq!(hub.subscribers(), 0);
        hub.leave(number);
        hub.publish(&event(Topic::CameraConnected, "a"));
        assert!(mailbox.next(&hub).now_or_never().is_none());
    }
}
