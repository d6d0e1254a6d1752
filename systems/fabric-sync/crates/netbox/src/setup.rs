//! What NetBox must have before the first run: its version, the custom fields, the tags people use. The service only looks; making them
//! is the operator's, with a token of his own.

use crate::{NetBox, NetBoxError, Permit};
use fabric_model::netbox::{CUSTOM_FIELDS, CustomField, PAUSE_TAG, PROTECT_TAG};
use reqwest::Method;
use serde_json::{Value, json};
use std::fmt;

/// The first version of NetBox with `If-Match`, major and minor.
pub const MIN_VERSION: (u32, u32) = (4, 6);

/// More custom fields than this are not read.
const MAX_CUSTOM_FIELDS: usize = 1000;

/// The tags by which people keep objects from this program, with what they are for.
const TAGS: [(&str, &str); 2] =
    [(PROTECT_TAG, "fabric-sync does not delete this"), (PAUSE_TAG, "fabric-sync leaves this alone")];

/// What is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupProblem {
    /// NetBox is too old: its version.
    Version(String),
    /// A custom field is missing.
    FieldMissing(&'static str),
    /// There is no tag with this slug, by which people keep their objects from being deleted or changed.
    TagMissing(&'static str),
    /// A custom field is another than this program needs.
    FieldDiffers {
        /// Its name.
        field: &'static str,
        /// Which property.
        property: &'static str,
        /// What it is.
        actual: String,
        /// What it should be.
        wanted: String,
    },
}

/// What NetBox is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Its version, as it says it.
    pub version: String,
    /// What must be mended first.
    pub problems: Vec<SetupProblem>,
}

impl fmt::Display for SetupProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => {
                let (major, minor) = MIN_VERSION;
                write!(f, "NetBox is version {version}; {major}.{minor} or later is needed, for If-Match")
            }
            Self::FieldMissing(field) => write!(f, "there is no custom field {field}"),
            Self::TagMissing(slug) => {
                write!(
                    f,
                    "there is no tag with the slug {slug}; if it was renamed, nothing that bears it is protected"
                )
            }
            Self::FieldDiffers { field, property, actual, wanted } => {
                write!(f, "custom field {field} has {property} {actual}; it must be {wanted}")
            }
        }
    }
}

impl NetBox {
    /// Looks whether NetBox has what is needed.
    ///
    /// # Errors
    /// It cannot be asked, or the token's user may not see custom fields and tags.
    pub async fn check_setup(&self) -> Result<Setup, NetBoxError> {
        let status = self.read_status().await?;
        let version = status.get("netbox-version").and_then(Value::as_str);
        let version = version
            .ok_or_else(|| NetBoxError::WrongShape("the status has no `netbox-version`".into()))?
            .to_owned();
        let mut problems = Vec::new();
        let mut parts = version.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        let (major, minor) = (parts.next().and_then(Result::ok), parts.next().and_then(Result::ok));
        if major.zip(minor).is_none_or(|version| version < MIN_VERSION) {
            problems.push(SetupProblem::Version(version.clone()));
        }
        let fields = self.read_custom_fields().await?;
        for field in &CUSTOM_FIELDS {
            match find(&fields, field) {
                None => problems.push(SetupProblem::FieldMissing(field.name)),
                Some(actual) => problems.extend(compare(field, actual)),
            }
        }
        let tags = self.read_tags().await?;
        for (slug, _) in TAGS {
            if !has_slug(&tags, slug) {
                problems.push(SetupProblem::TagMissing(slug));
            }
        }
        Ok(Setup { version, problems })
    }

    /// Creates the custom fields and tags that are missing, and says their names. Needs a token that may; those that differ are
    /// left as they are, for [`NetBox::check_setup`] to name.
    ///
    /// # Errors
    /// One of them cannot be created.
    pub async fn prepare(&self) -> Result<Vec<String>, NetBoxError> {
        let mut created = Vec::new();
        let fields = self.read_custom_fields().await?;
        for field in &CUSTOM_FIELDS {
            if find(&fields, field).is_none() {
                let body = field.body();
                self.write(Method::POST, "extras/custom-fields/", &body, None, &|| Permit::Granted).await?;
                created.push(format!("custom field {}", field.name));
            }
        }
        let tags = self.read_tags().await?;
        for (slug, description) in TAGS {
            if !has_slug(&tags, slug) {
                let body = json!({"name": slug, "slug": slug, "description": description});
                self.write(Method::POST, "extras/tags/", &body, None, &|| Permit::Granted).await?;
                created.push(format!("tag {slug}"));
            }
        }
        Ok(created)
    }

    /// Those of [`TAGS`] that there are: of a filter that is there more than once, NetBox takes any.
    async fn read_tags(&self) -> Result<Vec<Value>, NetBoxError> {
        self.read_results("extras/tags/", &TAGS.map(|(slug, _)| ("slug", slug.into()))).await
    }

    /// Those whose names begin as ours do; all there are, if NetBox ignores that.
    async fn read_custom_fields(&self) -> Result<Vec<Value>, NetBoxError> {
        let query = [("name__isw", "fabric_sync_".into()), ("limit", MAX_CUSTOM_FIELDS.to_string())];
        self.read_results("extras/custom-fields/", &query).await
    }

    /// The first page of a list.
    async fn read_results(&self, path: &str, query: &[(&str, String)]) -> Result<Vec<Value>, NetBoxError> {
        let mut answer = self.get(path, query).await?;
        match answer.body.get_mut("results").map(Value::take) {
            Some(Value::Array(results)) => Ok(results),
            _ => Err(NetBoxError::WrongShape("the list has no `results`".into())),
        }
    }
}

fn has_slug(tags: &[Value], slug: &str) -> bool {
    tags.iter().any(|tag| tag.get("slug").and_then(Value::as_str) == Some(slug))
}

fn find<'a>(fields: &'a [Value], field: &CustomField) -> Option<&'a Value> {
    fields.iter().find(|each| each.get("name").and_then(Value::as_str) == Some(field.name))
}

fn compare(field: &CustomField, actual: &Value) -> Vec<SetupProblem> {
    let wanted = field.body();
    let mut problems = Vec::new();
    // A choice is answered as `{"value": ..., "label": ...}`.
    let plain = |value: &Value| value.get("value").unwrap_or(value).clone();
    for property in ["type", "unique", "filter_logic"] {
        let (is, should) = (plain(actual.get(property).unwrap_or(&Value::Null)), &wanted[property]);
        // Any filter will do.
        let is_fine = &is == should || (property == "filter_logic" && (!field.filterable || is == "loose"));
        if !is_fine {
            problems.push(SetupProblem::FieldDiffers {
                field: field.name,
                property,
                actual: is.to_string(),
                wanted: should.to_string(),
            });
        }
    }
    let types = |value: &Value| -> Vec<String> {
        let types = value["object_types"].as_array().into_iter().flatten();
        types.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (is, should) = (types(actual), types(&wanted));
    let missing: Vec<_> = should.iter().filter(|kind| !is.contains(kind)).cloned().collect();
    if !missing.is_empty() {
        problems.push(SetupProblem::FieldDiffers {
            field: field.name,
            property: "object_types",
            actual: format!("without {}", missing.join(", ")),
            wanted: "all that fabric-sync writes".into(),
        });
    }
    problems
}
