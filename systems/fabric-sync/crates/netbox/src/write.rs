//! One write to one object: only while it is still what was compared, by its ETag; then see what came of it. Of an update the ETag
//! follows from what was compared. A deletion cannot be taken back, and a tag against it can be set without NetBox moving the object's
//! time: so it is read once more before.

use crate::dependants::{find_dependants, listed_dependants};
use crate::{NetBox, NetBoxError, RunOptions};
use fabric_model::netbox::{KEY_FIELD, TOMBSTONE_FIELD, custom};
use fabric_model::{Actual, Difference, FieldValue, Identity, ObjectKind};
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Map, Value};

/// How many keys are asked for in one request, whose first line gunicorn reads up to 4,094 bytes.
const MAX_KEYS: usize = 15;

/// NetBox's numbers of objects.
pub(crate) type Numbers<'a> = dyn Fn(&Identity) -> Option<u64> + Sync + 'a;

/// An object as it is now, with the tag by which a write to it is refused if it changes meanwhile.
pub(crate) struct Fresh {
    pub actual: Actual,
    etag: HeaderValue,
    /// What of others would go with it.
    dependants: Option<String>,
}

/// What a creation came to.
pub(crate) enum Creation {
    /// It was made, under this number.
    Made(u64),
    /// NetBox refuses it, as it has an object with this key already, under this number. What that holds is not known.
    Present(u64),
}

impl NetBox {
    /// Reads one object of `kind`.
    pub(crate) async fn read_one(&self, kind: ObjectKind, id: u64) -> Result<Fresh, NetBoxError> {
        let answer = self.get_one(&format!("{}/{id}/", kind.path())).await?;
        let etag = answer.etag.ok_or_else(|| {
            NetBoxError::WrongShape(
                "there is no ETag, so that no write is safe; NetBox 4.6 or later is needed".into(),
            )
        })?;
        let dependants = find_dependants(kind, &answer.body);
        let actual =
            Actual::read(kind, answer.body).map_err(|error| NetBoxError::WrongShape(error.to_string()))?;
        if actual.id != id {
            return Err(NetBoxError::WrongShape(format!("asked for {kind} {id}, it answered {}", actual.id)));
        }
        Ok(Fresh { actual, etag, dependants })
    }

    /// The objects among `keys` that are there, by asking for just these.
    pub(crate) async fn find_keys(
        &self,
        kind: ObjectKind,
        keys: &[&str],
    ) -> Result<Vec<(String, u64)>, NetBoxError> {
        let (filter, value): (String, fn(&str) -> &str) = match kind {
            ObjectKind::Asn => ("asn".into(), |key| key),
            // Of a device type's key, the slug stands behind the manufacturer's.
            _ if kind.is_shared() => ("slug".into(), |key| key.rsplit('/').next().unwrap_or(key)),
            _ => (format!("cf_{KEY_FIELD}"), |key| key),
        };
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MAX_KEYS) {
            let query: Vec<_> = keys.iter().map(|key| (filter.as_str(), value(key).to_owned())).collect();
            // What was not asked for is passed over: each object is known by its own key.
            let objects = self.read_filtered(kind, &query, &|_| Ok(())).await;
            let objects = objects.map_err(|unread| NetBoxError::WrongShape(unread.to_string()))?;
            let of_ours = objects.into_iter().filter_map(|actual| Some((actual.key?, actual.id)));
            found.extend(of_ours.filter(|(key, _)| keys.contains(&key.as_str())));
        }
        Ok(found)
    }

    /// Creates one object.
    pub(crate) async fn create_one(
        &self,
        object: &Identity,
        body: Map<String, Value>,
        options: &RunOptions<'_>,
    ) -> Result<Creation, NetBoxError> {
        let body = with_message(body, options.message);
        let path = format!("{}/", object.kind.path());
        match self.write(Method::POST, &path, &body, None, options.may_write).await {
            Ok(answer) => number_of(object, &answer.body).map(Creation::Made),
            // It may have landed, or be there since the list was read: then its key says so.
            Err(error) if error.may_have_landed() || matches!(error, NetBoxError::Refused(_)) => {
                match self.find_keys(object.kind, &[&object.key]).await.as_deref() {
                    Ok([(_, id), ..]) if error.may_have_landed() => Ok(Creation::Made(*id)),
                    Ok([(_, id), ..]) => Ok(Creation::Present(*id)),
                    Ok([]) => Err(error.not_landed()),
                    Err(_) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Creates several objects of one kind in one request: all of them, or none. Their numbers, in order.
    pub(crate) async fn create_many(
        &self,
        kind: ObjectKind,
        bodies: Vec<(&Identity, Map<String, Value>)>,
        options: &RunOptions<'_>,
    ) -> Result<Vec<u64>, NetBoxError> {
        let identities: Vec<&Identity> = bodies.iter().map(|(identity, _)| *identity).collect();
        let body: Value = bodies.into_iter().map(|(_, body)| with_message(body, options.message)).collect();
        let path = format!("{}/", kind.path());
        match self.write(Method::POST, &path, &body, None, options.may_write).await {
            Ok(answer) => {
                let created = answer.body.as_array().filter(|created| created.len() == identities.len());
                let created = created.ok_or_else(|| {
                    NetBoxError::WrongShape("it did not answer as many objects as were sent".into())
                })?;
                identities
                    .iter()
                    .zip(created)
                    .map(|(identity, created)| number_of(identity, created))
                    .collect()
            }
            Err(error) if error.may_have_landed() => {
                let keys: Vec<&str> = identities.iter().map(|identity| identity.key.as_str()).collect();
                let Ok(found) = self.find_keys(kind, &keys).await else { return Err(error) };
                if found.is_empty() {
                    return Err(error.not_landed());
                }
                let numbers =
                    keys.iter().map(|key| found.iter().find(|(found, _)| found == key).map(|(_, id)| *id));
                // All or none are made: where somebody else made some of them, and NetBox failed, ours are none.
                numbers.collect::<Option<Vec<_>>>().ok_or_else(|| error.not_landed())
            }
            Err(error) => Err(error),
        }
    }

    /// Changes the fields in `differences` of an object, if each still holds what was compared: `compared` is the object as it was then,
    /// where that is known. The object as it is afterwards.
    pub(crate) async fn update_one(
        &self,
        (object, id): (&Identity, u64),
        compared: Option<&Actual>,
        differences: &[Difference],
        numbers: &Numbers<'_>,
        options: &RunOptions<'_>,
    ) -> Result<Actual, NetBoxError> {
        let mut body = Map::new();
        for difference in differences {
            // Who updates has looked whether all that it names is there.
            let written = difference.desired.write(&difference.field, numbers, &mut body);
            written.map_err(|_| NetBoxError::Stale)?;
        }
        let body = with_message(body, options.message);
        let path = format!("{}/{id}/", object.kind.path());
        let unheld = |now: &Actual| {
            let unheld = differences.iter().find(|each| !now.holds(&each.field, &each.desired, numbers))?;
            let (field, desired, actual) = (&unheld.field, &unheld.desired, now.shown(&unheld.field));
            Some(format!("{field} should hold {desired} and holds {actual} after it was written"))
        };
        let write = async |etag: &HeaderValue| match self
            .write(Method::PATCH, &path, &body, Some(etag), options.may_write)
            .await
        {
            Ok(answer) => {
                let now = Actual::read(object.kind, answer.body)
                    .map_err(|error| NetBoxError::WrongShape(error.to_string()))?;
                // NetBox answers 200 to fields that it does not know.
                unheld(&now).map_or(Ok(now), |words| Err(NetBoxError::Refused(words)))
            }
            Err(error) if error.may_have_landed() => match self.read_one(object.kind, id).await {
                Ok(now) if unheld(&now.actual).is_none() => Ok(now.actual),
                Ok(_) => Err(error.not_landed()),
                Err(_) => Err(error),
            },
            Err(error) => Err(error),
        };
        if let Some(etag) = compared.and_then(etag_of) {
            match write(&etag).await {
                // Whether what was written since is any of the fields to be changed, only the object itself tells.
                Err(NetBoxError::Stale) => {}
                done => return done,
            }
        }
        let fresh = self.read_one(object.kind, id).await?;
        let key_field = custom(KEY_FIELD);
        // An object that is taken over bears another key still, one that is adopted none.
        let expected_key = match differences.iter().find(|difference| difference.field == key_field) {
            Some(difference) => difference.actual.as_str(),
            None => Some(object.key.as_str()),
        };
        let is_as_compared = fresh.actual.key.as_deref() == expected_key
            && !fresh.actual.paused
            && differences.iter().all(|each| fresh.actual.shown(&each.field) == each.actual);
        if is_as_compared {
            return write(&fresh.etag).await;
        }
        // Unless it is as it should be already: a write of ours whose answer was lost.
        let is_done = differences.iter().all(|each| fresh.actual.holds(&each.field, &each.desired, numbers));
        if is_done { Ok(fresh.actual) } else { Err(NetBoxError::Stale) }
    }

    /// Notes in an object that its source is gone as of now.
    pub(crate) async fn mark_one(
        &self,
        (object, id): (&Identity, u64),
        compared: Option<&Actual>,
        options: &RunOptions<'_>,
    ) -> Result<Actual, NetBoxError> {
        let difference = Difference {
            field: custom(TOMBSTONE_FIELD),
            actual: Value::Null,
            desired: FieldValue::Text(options.now.to_string()),
        };
        self.update_one((object, id), compared, &[difference], &|_| None, options).await
    }

    /// Deletes an object, if it is still ours, nobody tagged it meanwhile and nothing of others would go with it. One that is gone
    /// already is deleted.
    pub(crate) async fn delete_one(
        &self,
        object: &Identity,
        id: u64,
        options: &RunOptions<'_>,
    ) -> Result<(), NetBoxError> {
        let fresh = match self.read_one(object.kind, id).await {
            Err(NetBoxError::NotFound) => return Ok(()),
            fresh => fresh?,
        };
        if fresh.actual.key.as_ref() != Some(&object.key) || fresh.actual.protected || fresh.actual.paused {
            return Err(NetBoxError::Stale);
        }
        if let Some(dependants) = fresh.dependants {
            return Err(NetBoxError::Conflict(format!("{dependants} of somebody else would go with it")));
        }
        self.refuse_listed_dependants(object.kind, id).await?;
        let path = format!("{}/{id}/", object.kind.path());
        let body = with_message(Map::new(), options.message);
        match self.write(Method::DELETE, &path, &body, Some(&fresh.etag), options.may_write).await {
            Ok(_) | Err(NetBoxError::NotFound) => Ok(()),
            Err(error) if error.may_have_landed() => match self.read_one(object.kind, id).await {
                Err(NetBoxError::NotFound) => Ok(()),
                Ok(_) => Err(error.not_landed()),
                Err(_) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// What only a list tells of others that NetBox would delete with an object; ours are gone before it.
    async fn refuse_listed_dependants(&self, kind: ObjectKind, id: u64) -> Result<(), NetBoxError> {
        let Some((dependant, filter, field)) = listed_dependants(kind) else { return Ok(()) };
        let left = self.read_filtered(dependant, &[(filter, id.to_string())], &|_| Ok(())).await;
        let left = left.map_err(|unread| NetBoxError::WrongShape(unread.to_string()))?;
        match left.iter().find(|object| object.field(field).as_u64() == Some(id)) {
            None => Ok(()),
            Some(object) => Err(NetBoxError::Conflict(format!(
                "{dependant} {} belongs to it and would go with it",
                object.display
            ))),
        }
    }
}

/// The tag of an object as it was read in a list, where tags are not told: NetBox makes it of the time at which the object was last
/// written (https://netboxlabs.com/docs/netbox/integrations/rest-api/#etag), in Python's form of it. Were it made otherwise, the write
/// would be refused as stale.
fn etag_of(actual: &Actual) -> Option<HeaderValue> {
    let time: Timestamp = actual.last_updated.parse().ok()?;
    let fraction = if time.subsec_nanosecond() == 0 { "" } else { "%.6f" };
    let time = time.strftime(&format!("W/\"%Y-%m-%dT%H:%M:%S{fraction}+00:00\"")).to_string();
    HeaderValue::from_str(&time).ok()
}

fn with_message(mut body: Map<String, Value>, message: &str) -> Value {
    body.insert("changelog_message".into(), message.into());
    Value::Object(body)
}

/// The number of what was created, if that is what was asked for.
fn number_of(object: &Identity, created: &Value) -> Result<u64, NetBoxError> {
    let actual = Actual::read(object.kind, created.clone())
        .map_err(|error| NetBoxError::WrongShape(error.to_string()))?;
    if actual.key.as_ref() == Some(&object.key) {
        Ok(actual.id)
    } else {
        Err(NetBoxError::WrongShape(format!("{} {} was created without its key", actual.kind, actual.id)))
    }
}
