//! A list is whole or it is not one: pages of one resource version, every object with a name, none twice. An unserved kind is told
//! apart from an empty list.

use std::collections::HashSet;
use std::time::Duration;

use fabric_model::{Kind, Unread, UnreadCause};
use serde_json::Value;

use crate::access::Session;
use crate::request::{Trouble, get};

/// Objects a page; fewer where an answer of so many is too large, as of agents, whose specification is a switch's whole configuration.
const PAGES: [usize; 3] = [500, 50, 5];
/// More pages than this are no fabric.
const MAX_PAGES: usize = 2_000;
/// A continue token may expire once while we page.
const TRIES: usize = 2;

/// A whole list at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct List {
    /// Where a watch goes on.
    pub(crate) resource_version: String,
    /// The objects, without `managedFields`.
    pub(crate) objects: Vec<Value>,
}

/// One page of a list.
struct Page {
    resource_version: String,
    objects: Vec<Value>,
    /// The continue token, if there is more.
    next: Option<String>,
    /// How many objects follow, where the server says so.
    remaining: Option<u64>,
}

/// What is listed.
#[derive(Debug, Clone)]
pub(crate) struct Listing<'a> {
    pub(crate) kind: Kind,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) labels: Option<&'a str>,
    pub(crate) deadline: Duration,
}

impl Listing<'_> {
    /// The path of the collection.
    pub(crate) fn path(&self) -> String {
        let (group, version, plural) = (self.kind.group(), self.kind.version(), self.kind.plural());
        match self.namespace {
            Some(namespace) => format!("/apis/{group}/{version}/namespaces/{namespace}/{plural}"),
            None => format!("/apis/{group}/{version}/{plural}"),
        }
    }

    /// Reads all pages.
    pub(crate) async fn read(&self, session: &Session) -> Result<List, Unread> {
        let (mut tried, mut sizes) = (0, PAGES.into_iter());
        let mut size = sizes.next().unwrap_or(1);
        loop {
            match self.read_pages(session, size).await {
                Err(Trouble::Refused { code: 410, .. }) if tried + 1 < TRIES => tried += 1,
                Err(trouble @ Trouble::TooLarge { .. }) => match sizes.next() {
                    Some(smaller) => size = smaller,
                    None => return Err(self.name(session, trouble).await),
                },
                Err(trouble) => return Err(self.name(session, trouble).await),
                Ok(list) => return Ok(list),
            }
        }
    }

    async fn read_pages(&self, session: &Session, size: usize) -> Result<List, Trouble> {
        let mut objects = Vec::new();
        let mut seen = HashSet::new();
        let mut version: Option<String> = None;
        let mut next: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page = get(session, &self.page(size, next.as_deref()), self.deadline).await?;
            let page = self.take_apart(page)?;
            match &version {
                Some(first) if *first != page.resource_version => {
                    let text = format!("a page of {} follows one of {first}", page.resource_version);
                    return Err(Trouble::Cut(text));
                }
                _ => version = Some(page.resource_version),
            }
            for object in page.objects {
                let identity = identity(&object)?;
                if !seen.insert(identity.clone()) {
                    return Err(Trouble::Foreign(format!("{identity} is listed twice")));
                }
                objects.push(object);
            }
            match (page.next, page.remaining) {
                (Some(token), _) => next = Some(token),
                (None, Some(left)) if left > 0 => {
                    return Err(Trouble::Cut(format!("the list ends, but {left} objects remain")));
                }
                (None, _) => {
                    let resource_version = version.unwrap_or_default();
                    return Ok(List { resource_version, objects });
                }
            }
        }
        Err(Trouble::Foreign(format!("more than {MAX_PAGES} pages")))
    }

    fn page(&self, size: usize, token: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(self.path() + "?");
        query.append_pair("limit", &size.to_string());
        if let Some(labels) = self.labels {
            query.append_pair("labelSelector", labels);
        }
        if let Some(token) = token {
            query.append_pair("continue", token);
        }
        query.finish()
    }

    /// The page, if it is one of the kind's list.
    fn take_apart(&self, mut page: Value) -> Result<Page, Trouble> {
        let foreign = |what: &str| Trouble::Foreign(format!("the list has no {what}"));
        let api = format!("{}/{}", self.kind.group(), self.kind.version());
        let list = format!("{}List", self.kind.name());
        if page["apiVersion"] != api.as_str() || page["kind"] != list.as_str() {
            let text = format!("it says {} {}, asked was {api} {list}", page["apiVersion"], page["kind"]);
            return Err(Trouble::Foreign(crate::request::words(&text)));
        }
        let metadata = &page["metadata"];
        let word = |name: &str| metadata[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let resource_version = word("resourceVersion").ok_or_else(|| foreign("metadata.resourceVersion"))?;
        let next = word("continue");
        let remaining = metadata["remainingItemCount"].as_u64();
        let Value::Array(mut objects) = page["items"].take() else { return Err(foreign("items")) };
        objects.iter_mut().for_each(trim);
        Ok(Page { resource_version, objects, next, remaining })
    }

    /// The reason as the model has it; whether a 404 means that the kind is not served is asked for.
    async fn name(&self, session: &Session, trouble: Trouble) -> Unread {
        match trouble {
            Trouble::Refused { code: 404, .. } => {
                let served = served(session, self.kind, self.deadline).await;
                let detail = match served.as_slice() {
                    [] => format!("{} is not served", self.kind.group()),
                    served => format!("{} is served as {}", self.kind.group(), served.join(", ")),
                };
                Unread::new(UnreadCause::KindMissing, detail)
            }
            other => other.into_unread(),
        }
    }
}

/// The versions under which the kind's group is served; none if that cannot be told.
async fn served(session: &Session, kind: Kind, deadline: Duration) -> Vec<String> {
    let Ok(group) = get(session, &format!("/apis/{}", kind.group()), deadline).await else {
        return Vec::new();
    };
    let versions = group["versions"].as_array().into_iter().flatten();
    versions.filter_map(|version| version["version"].as_str().map(crate::request::words)).collect()
}

/// Who wrote which field is nobody's business here, and half of an object's bytes.
pub(crate) fn trim(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// Namespace and name, without which an object is none.
pub(crate) fn identity(object: &Value) -> Result<String, Trouble> {
    let metadata = &object["metadata"];
    let word = |name: &str| metadata[name].as_str().filter(|text| !text.is_empty());
    match (word("namespace"), word("name"), word("uid")) {
        (Some(namespace), Some(name), Some(_)) => Ok(format!("{namespace}/{name}")),
        (_, name, _) => Err(Trouble::Foreign(format!("an object ({name:?}) without name, namespace or uid"))),
    }
}
