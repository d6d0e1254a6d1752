//! `api-key`: made, listed, revoked, rotated. A running service knows at once.

use std::time::Duration;

use camera_access::{ApiKeys, Event, KeyError, KeyInfo, NewKey, Role};
use camera_config::{Config, Span};
use jiff::Timestamp;
use service_setup::output::hand_over;
use service_setup::{complain, say};

use super::{Failure, Record, because};
use crate::home::Home;

fn open(config: &Config) -> Result<ApiKeys, Failure> {
    ApiKeys::open(&config.security.api_keys).map_err(because("API keys"))
}

fn refused(error: KeyError) -> Failure {
    match error {
        KeyError::Name(_) | KeyError::NotFound | KeyError::Ended => Failure::Wrong(error.to_string()),
        other => Failure::Failed(other.to_string()),
    }
}

/// Makes a key; it alone goes to the standard output, this once.
///
/// # Errors
/// A name or an end that cannot be; the file or the audit log cannot be written.
pub fn new(home: &Home, name: &str, role: Role, expires: Option<Span>) -> Result<(), Failure> {
    let (config, _) = home.read()?;
    let (keys, record, now) = (open(&config)?, Record::open(&config)?, Timestamp::now());
    let expires = expires.map(|span| now.checked_add(span.duration())).transpose().map_err(|_| {
        Failure::Wrong("the key would expire after the end of the calendar: give fewer days".into())
    })?;
    let key = keys.create(name, role, expires, now).map_err(refused)?;
    show(&keys, &record, &key, "")
}

/// Shows a new key once it is on record; one that cannot be is ended again.
fn show(keys: &ApiKeys, record: &Record, key: &NewKey, reason: &str) -> Result<(), Failure> {
    let info = &key.info;
    let what = format!("{} {} ({})", info.id, info.name, info.role);
    if let Err(failure) = record.write(Event::KeyCreated, &what, reason) {
        keys.revoke(&info.id, Timestamp::now()).map_err(refused)?;
        return Err(failure);
    }
    let until =
        info.expires.map_or("without an end".to_owned(), |expires| format!("good until {expires:.0}"));
    complain!("API key {} of {} ({}), {until}. It is shown this once:", info.id, info.name, info.role);
    Ok(hand_over("the API key", key.text.expose_text().unwrap_or_default())?)
}

/// Lists all keys; their secrets are not known.
///
/// # Errors
/// The file cannot be read.
pub fn list(home: &Home) -> Result<(), Failure> {
    let (config, _) = home.read()?;
    let keys = open(&config)?.list().map_err(refused)?;
    if keys.is_empty() {
        complain!("There are no API keys: camera-service api-key new --name NAME --role ROLE makes one.");
        return Ok(());
    }
    let now = Timestamp::now();
    say!("{:<16}  {:<8}  {:<20}  {:<34}  NAME", "ID", "ROLE", "CREATED", "STATE");
    for key in keys {
        say!(
            "{:<16}  {:<8}  {:<20.0}  {:<34}  {}",
            key.id,
            key.role.name(),
            key.created,
            state(&key, now),
            key.name
        );
    }
    Ok(())
}

fn state(key: &KeyInfo, now: Timestamp) -> String {
    match (key.revoked, key.expires) {
        (Some(at), _) => format!("revoked {at:.0}"),
        (None, Some(at)) if at <= now => format!("expired {at:.0}"),
        (None, Some(at)) => format!("good until {at:.0}"),
        (None, None) => "good".to_owned(),
    }
}

/// Ends a key at once.
///
/// # Errors
/// No such key; the file or the audit log cannot be written.
pub fn revoke(home: &Home, id: &str) -> Result<(), Failure> {
    let (config, _) = home.read()?;
    let (keys, record) = (open(&config)?, Record::open(&config)?);
    let key = keys.revoke(id, Timestamp::now()).map_err(refused)?;
    record.write(Event::KeyRevoked, &format!("{} {}", key.id, key.name), "")?;
    complain!("API key {} of {} is revoked.", key.id, key.name);
    Ok(())
}

/// Makes a key in another's place; the old one is good for `grace` yet.
///
/// # Errors
/// No such key, or it is over; the file or the audit log cannot be written.
pub fn rotate(home: &Home, id: &str, grace: Option<Span>) -> Result<(), Failure> {
    let (config, _) = home.read()?;
    let (keys, record) = (open(&config)?, Record::open(&config)?);
    let key =
        keys.rotate(id, grace.map_or(Duration::ZERO, Span::duration), Timestamp::now()).map_err(refused)?;
    let old = match grace {
        Some(grace) => format!("in place of {id}, which is good for {grace} yet"),
        None => format!("in place of {id}, which has ended"),
    };
    show(&keys, &record, &key, &old)?;
    complain!("It is {old}.");
    Ok(())
}
