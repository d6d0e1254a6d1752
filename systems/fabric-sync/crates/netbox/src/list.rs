//! Lists that are whole or say why not. No list is believed for its status 200.

use crate::{NetBox, NetBoxError};
use fabric_model::netbox::{FabricName, Inventory, KEY_FIELD};
use fabric_model::{Actual, ObjectKind, Unread, UnreadCause};
use futures_util::StreamExt as _;
use parking_lot::Mutex;
use serde_json::Value;

/// More objects of one kind than this are not read.
const MAX_OBJECTS: usize = 500_000;
/// Lists that are read at the same time.
const AT_ONCE: usize = 3;
/// How often a list is read anew because its count did not fit.
const MAX_READS: usize = 3;

/// What every list is asked for beside the fields of its kind.
const COMMON_FIELDS: &str = "id,display,last_updated,tags,custom_fields";

impl NetBox {
    /// Everything of `fabric` that NetBox holds. Never fails as a whole: each list is complete or says why not. After the first one that
    /// is not answered in time, the others are not asked for.
    pub async fn read_inventory(&self, fabric: &FabricName) -> Inventory {
        // A NetBox that is not there is not asked for each list whether it is: nothing could be concluded of a part anyway.
        let gone: Mutex<Option<Unread>> = Mutex::new(None);
        let note = |unread: &Unread| {
            if matches!(unread.cause, UnreadCause::TimedOut | UnreadCause::Unreachable) {
                gone.lock().get_or_insert_with(|| unread.clone());
            }
        };
        let read = async |kind| {
            if let Some(unread) = gone.lock().clone() {
                return (kind, Err(unread));
            }
            (kind, self.read_list(kind, fabric).await.inspect_err(note))
        };
        let lists = futures_util::stream::iter(ObjectKind::ALL)
            .map(read)
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>();
        let prepared = async { self.check_prepared().await.inspect_err(note) };
        let (prepared, lists) = tokio::join!(prepared, lists);
        if let Err(unread) = &prepared {
            tracing::warn!(%unread, "nothing that NetBox answers can be used");
        }
        let mut inventory = Inventory::new();
        for (kind, list) in lists {
            let list = prepared.clone().and(list);
            if let (Err(unread), Ok(())) = (&list, &prepared) {
                tracing::warn!(%kind, %unread, "a list of NetBox could not be read whole");
            }
            inventory.insert(kind, list);
        }
        inventory
    }

    /// Without the ownership key, unique and found by a filter, nothing that NetBox answers says what is ours.
    async fn check_prepared(&self) -> Result<(), Unread> {
        let setup = self.check_setup().await?;
        if setup.problems.is_empty() {
            return Ok(());
        }
        let problems: Vec<String> = setup.problems.iter().map(ToString::to_string).collect();
        Err(Unread::new(UnreadCause::NotPrepared, problems.join("; ")))
    }

    /// All objects of `kind` that bear a key of `fabric`; of shared kinds, all there are.
    async fn read_list(&self, kind: ObjectKind, fabric: &FabricName) -> Result<Vec<Actual>, Unread> {
        let prefix = fabric.key_prefix();
        let filter = (!kind.is_shared()).then(|| (format!("cf_{KEY_FIELD}__isw"), prefix.clone()));
        let filter: Vec<(&str, String)> =
            filter.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        // A filter that NetBox does not know answers every object there is; one that it knows does not look at letters' case.
        let check = |actual: &Actual| match &actual.key {
            Some(key) if kind.is_shared() || is_prefix_of(&prefix, key) => Ok(()),
            _ => {
                let detail = format!(
                    "asked for those whose {KEY_FIELD} begins with {prefix}, it answered {kind} {}; does the custom field exist, with its filter enabled?",
                    actual.id
                );
                Err(Unread::new(UnreadCause::FilterIgnored, detail))
            }
        };
        let mut objects = self.read_filtered(kind, &filter, &check).await?;
        objects.retain(|actual| {
            kind.is_shared() || actual.key.as_deref().is_some_and(|key| key.starts_with(&prefix))
        });
        Ok(objects)
    }

    /// All objects of `kind` that NetBox answers to `filter`. `check` sees each at once and tells whether it was asked for at all.
    pub(crate) async fn read_filtered(
        &self,
        kind: ObjectKind,
        filter: &[(&str, String)],
        check: &(dyn Fn(&Actual) -> Result<(), Unread> + Sync),
    ) -> Result<Vec<Actual>, Unread> {
        let mut last = None;
        for _ in 0..MAX_READS {
            match self.read_once(kind, filter, check).await? {
                Ok(objects) => return Ok(objects),
                Err(unread) => last = Some(unread),
            }
        }
        Err(last.unwrap_or_else(|| Unread::new(UnreadCause::Unsettled, "")))
    }

    /// The inner error is worth another reading.
    async fn read_once(
        &self,
        kind: ObjectKind,
        filter: &[(&str, String)],
        check: &(dyn Fn(&Actual) -> Result<(), Unread> + Sync),
    ) -> Result<Result<Vec<Actual>, Unread>, Unread> {
        let path = format!("{}/", kind.path());
        let fields = format!("{COMMON_FIELDS},{}", kind.fields().join(","));
        let ask = |extra: Vec<(&'static str, String)>| {
            let mut query = vec![("fields", fields.clone()), ("limit", self.options.page_size.to_string())];
            query.extend(extra);
            query.extend(filter.iter().cloned());
            query
        };
        // The first page counts; the following ones go on behind the last number, which no change before it can shift.
        let mut page =
            self.page(&path, &ask(vec![("offset", "0".into()), ("ordering", "id".into())])).await?;
        let count = page.count.ok_or_else(|| wrong("the first page has no count"))?;
        if count > MAX_OBJECTS {
            return Err(Unread::new(UnreadCause::TooLarge, format!("{count} objects")));
        }
        let mut objects: Vec<Actual> = Vec::with_capacity(count);
        loop {
            let is_last = page.next.is_none();
            for object in page.results {
                let actual = Actual::read(kind, object).map_err(|error| wrong(&error.to_string()))?;
                if objects.last().is_some_and(|last| last.id >= actual.id) {
                    return Err(wrong("the objects of its pages are not in order"));
                }
                check(&actual)?;
                objects.push(actual);
            }
            let Some(last) = objects.last().filter(|_| !is_last) else { break };
            if objects.len() > MAX_OBJECTS {
                return Err(Unread::new(UnreadCause::TooLarge, format!("more than {MAX_OBJECTS} objects")));
            }
            page = self.page(&path, &ask(vec![("start", (last.id + 1).to_string())])).await?;
        }
        if objects.len() == count {
            return Ok(Ok(objects));
        }
        // Something may have come or gone meanwhile: then a new count says what there is.
        let again = self.page(&path, &ask(vec![("offset", "0".into()), ("ordering", "id".into())])).await?;
        if again.count == Some(objects.len()) {
            return Ok(Ok(objects));
        }
        let detail = format!("{count} objects were counted and {} came", objects.len());
        Ok(Err(Unread::new(
            if objects.len() < count { UnreadCause::Cut } else { UnreadCause::Unsettled },
            detail,
        )))
    }

    async fn page(&self, path: &str, query: &[(&str, String)]) -> Result<Page, Unread> {
        let Value::Object(mut body) = self.get(path, query).await?.body else {
            return Err(wrong("the list is no JSON object"));
        };
        let Some(Value::Array(results)) = body.remove("results") else {
            return Err(wrong("the list has no `results`"));
        };
        let next = match body.remove("next") {
            Some(Value::String(next)) => Some(next),
            Some(Value::Null) => None,
            _ => return Err(wrong("the list has no `next`")),
        };
        if next.is_some() && results.is_empty() {
            return Err(wrong("a page without objects says that more follow"));
        }
        let count = body.get("count").and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
        Ok(Page { count, next, results })
    }
}

struct Page {
    count: Option<usize>,
    next: Option<String>,
    results: Vec<Value>,
}

fn wrong(what: &str) -> Unread {
    NetBoxError::WrongShape(what.into()).into()
}

fn is_prefix_of(prefix: &str, key: &str) -> bool {
    key.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
