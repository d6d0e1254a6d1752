//! The client against answers of a real NetBox 4.7.3, as `lab/record` keeps them. What is asked is not compared, but for the ETag; where
//! an object must bear our key, it is put into the recorded answer.

use crate::fixtures::{TOKEN, fabric};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use fabric_model::netbox::{CUSTOM_FIELDS, CustomField, PAUSE_TAG, PROTECT_TAG};
use fabric_model::plan::{Change, DeleteReason, PLAN_FORMAT};
use fabric_model::{
    Action, Actual, Difference, FieldValue, Identity, Inventory, ObjectKind, Plan, UnreadCause,
};
use fabric_netbox::{Applied, NetBox, NetBoxError, Options, Outcome, Permit, RunOptions};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

type Answers = Arc<Mutex<BTreeMap<&'static str, Vec<Value>>>>;
type Asked = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// Answers requests below a path by its recorded answers, in turn, and everything else by an empty list.
struct Replay {
    netbox: NetBox,
    asked: Asked,
    _token: tempfile::NamedTempFile,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The recorded answers in a file, in order.
fn recorded(name: &str) -> Vec<Value> {
    let path = format!("{}/../../fixtures/netbox/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let exchanges: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    exchanges.into_iter().map(|mut exchange| exchange["response"].take()).collect()
}

/// The answer, with our key in its object or objects.
fn with_keys(mut answer: Value) -> Value {
    let mark = |object: &mut Value| {
        let id = object["id"].clone();
        object["custom_fields"]["fabric_sync_key"] = format!("lab/{id}").into();
    };
    match answer["body"].get_mut("results").and_then(Value::as_array_mut) {
        Some(results) => results.iter_mut().for_each(mark),
        None => mark(&mut answer["body"]),
    }
    answer
}

async fn answer(State((answers, asked)): State<(Answers, Asked)>, request: Request) -> Response {
    let etag = request.headers().get("if-match").map(|etag| etag.to_str().unwrap().to_owned());
    asked.lock().unwrap().push((request.method().to_string(), etag));
    let path = request.uri().path().trim_start_matches("/api/").to_owned();
    let mut answers = answers.lock().unwrap();
    let of_path =
        answers.iter_mut().find(|(start, answers)| path.starts_with(**start) && !answers.is_empty());
    let answer = match (of_path, path.as_str()) {
        (Some((_, answers)), _) => answers.remove(0),
        (None, "status/") => recorded("status").remove(0),
        // No recording has our own custom fields and tags.
        (None, "extras/custom-fields/") => {
            let mut answer = recorded("list-empty").remove(0);
            answer["body"]["results"] = CUSTOM_FIELDS.iter().map(CustomField::body).collect();
            answer
        }
        (None, "extras/tags/") => {
            let mut answer = recorded("list-empty").remove(0);
            answer["body"]["results"] = json!([{"slug": PROTECT_TAG}, {"slug": PAUSE_TAG}]);
            answer
        }
        (None, _) => recorded("list-empty").remove(0),
    };
    let body = match &answer["body"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
    let mut response = (axum::http::StatusCode::from_u16(status).unwrap(), body).into_response();
    response.headers_mut().remove("content-type");
    for (name, value) in answer["headers"].as_object().unwrap() {
        let name: axum::http::HeaderName = name.parse().unwrap();
        response.headers_mut().insert(name, value.as_str().unwrap().parse().unwrap());
    }
    response
}

async fn replay(answers: &[(&'static str, Vec<Value>)]) -> Replay {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let (answers, asked): (Answers, Asked) =
        (Arc::new(Mutex::new(answers.iter().cloned().collect())), Arc::default());
    let router = Router::new().fallback(answer).with_state((answers, Arc::clone(&asked)));
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), TOKEN).unwrap();
    let mut options = Options::new(url, token.path().into());
    options.attempts = 1;
    Replay { netbox: NetBox::new(options).unwrap(), asked, _token: token, server }
}

async fn apply(replay: &Replay, kind: ObjectKind, action: Action) -> Applied {
    apply_to(replay, &Inventory::new(), kind, action).await
}

async fn apply_to(replay: &Replay, inventory: &Inventory, kind: ObjectKind, action: Action) -> Applied {
    let object =
        Identity::new(kind, if matches!(action, Action::Delete { .. }) { "lab/6" } else { "lab/new" });
    let change = Change { object, source: None, action };
    let plan = Plan {
        format: PLAN_FORMAT,
        fabric: fabric().name,
        digest: String::new(),
        changes: vec![change],
        held: vec![],
        problems: vec![],
    };
    let options = RunOptions {
        message: "run 1",
        now: jiff::Timestamp::UNIX_EPOCH,
        may_write: &|| Permit::Granted,
        is_outdated: &|| false,
    };
    replay.netbox.apply(&plan, inventory, &options, &mut |_, _| {}).await
}

#[tokio::test]
async fn the_version_is_read() {
    // One for the custom fields, one for the tags.
    let nothing = [recorded("list-empty"), recorded("list-empty")].concat();
    let replay = replay(&[("extras", nothing)]).await;
    let setup = replay.netbox.check_setup().await.unwrap();
    assert_eq!(setup.version, "4.7.3");
    assert_eq!(setup.problems.len(), 5 + 2, "no custom field is there, and no tag");
    assert_eq!(replay.netbox.check_setup().await.unwrap().problems, []);
}

#[tokio::test]
async fn a_list_in_pages_is_read_whole() {
    let first = with_keys(recorded("list-by-offset").remove(0));
    let following = recorded("list-by-cursor").into_iter().skip(1).map(with_keys);
    let replay = replay(&[("dcim/devices", [first].into_iter().chain(following).collect())]).await;
    let inventory = replay.netbox.read_inventory(&fabric().name).await;
    assert_eq!(inventory.unread(ObjectKind::Device), None);
    assert_eq!(inventory.objects(ObjectKind::Device).len(), 5);
    let spine = inventory.find_id(ObjectKind::Device, 1).unwrap();
    assert!(
        spine.holds("site", &FieldValue::Integer(1), |_| None)
            && spine.holds("name", &FieldValue::text("spine-01"), |_| None)
    );
}

#[tokio::test]
async fn a_filter_that_is_ignored_is_noticed() {
    let replay = replay(&[("dcim/devices", recorded("filter-unknown-is-ignored"))]).await;
    let inventory = replay.netbox.read_inventory(&fabric().name).await;
    let cause = inventory.unread(ObjectKind::Device).map(|unread| unread.cause);
    assert_eq!(cause, Some(UnreadCause::FilterIgnored));
}

#[tokio::test]
async fn what_is_not_allowed_and_what_is_no_api_leave_the_list_unread() {
    for (name, cause) in [("not-allowed", UnreadCause::Forbidden), ("not-the-api", UnreadCause::WrongShape)] {
        let replay = replay(&[("dcim/devices", recorded(name))]).await;
        let inventory = replay.netbox.read_inventory(&fabric().name).await;
        assert_eq!(inventory.unread(ObjectKind::Device).map(|unread| unread.cause), Some(cause), "{name}");
    }
}

#[tokio::test]
async fn each_refusal_is_told_in_netboxs_words() {
    for answer in recorded("refused").into_iter().filter(|answer| answer["status"] == 400) {
        let word = answer["body"].as_object().unwrap().keys().next().unwrap().clone();
        let replay = replay(&[("dcim/devices", vec![answer])]).await;
        let fields = [("name".to_owned(), FieldValue::text("x"))].into();
        let applied = apply(&replay, ObjectKind::Device, Action::Create { fields }).await;
        let [Outcome::Refused(NetBoxError::Refused(text))] = applied.outcomes.as_slice() else {
            panic!("{applied:?}")
        };
        assert!(text.contains(&word), "{text}");
    }
}

#[tokio::test]
async fn a_deletion_bears_the_etag_and_a_stale_one_is_not_done() {
    let delete = || Action::Delete { id: 6, reason: DeleteReason::SourceGone };
    let read = with_keys(recorded("create-and-delete").remove(1));
    let etag = read["headers"]["etag"].as_str().unwrap().to_owned();
    let deleted = recorded("create-and-delete").remove(2);
    let dependents = recorded("refused").into_iter().find(|answer| answer["status"] == 409).unwrap();
    let stale = recorded("if-match").remove(3);
    for (answer, expected) in [(deleted, "Written"), (dependents, "Refused(Conflict"), (stale, "Stale")] {
        let replay = replay(&[("dcim/devices", vec![read.clone(), answer])]).await;
        let applied = apply(&replay, ObjectKind::Device, delete()).await;
        assert!(format!("{:?}", applied.outcomes[0]).starts_with(expected), "{applied:?}");
        assert_eq!(replay.asked.lock().unwrap().last(), Some(&("DELETE".to_owned(), Some(etag.clone()))));
    }
}

/// The lists' time, in whichever zone NetBox is set to, is the tag that NetBox gave for the object itself.
#[tokio::test]
async fn an_update_bears_the_etag_that_follows_from_the_list() {
    let read = with_keys(recorded("if-match").remove(0));
    let etag = read["headers"]["etag"].as_str().unwrap();
    let told = read["body"]["last_updated"].as_str().unwrap();
    let east = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
    let elsewhere = told.parse::<jiff::Timestamp>().unwrap().to_zoned(east);
    for time in [told.to_owned(), elsewhere.strftime("%Y-%m-%dT%H:%M:%S.%6f%:z").to_string()] {
        let replay = replay(&[("dcim/devices", vec![recorded("if-match").remove(3)])]).await;
        let mut body = read["body"].clone();
        body["last_updated"] = time.into();
        let actual = Actual::read(ObjectKind::Device, body).unwrap();
        let id = actual.id;
        let mut inventory = Inventory::new();
        inventory.insert(ObjectKind::Device, Ok(vec![actual]));
        let difference =
            Difference { field: "serial".into(), actual: json!(""), desired: FieldValue::text("S") };
        let update = Action::Update { id: Some(id), differences: vec![difference] };
        apply_to(&replay, &inventory, ObjectKind::Device, update).await;
        assert_eq!(replay.asked.lock().unwrap()[0], ("PATCH".to_owned(), Some(etag.to_owned())));
    }
}

#[tokio::test]
async fn only_netbox_says_that_an_object_is_gone() {
    let delete = || Action::Delete { id: 6, reason: DeleteReason::SourceGone };
    let gone = recorded("create-and-delete").remove(3);
    let page = recorded("not-the-api").remove(1);
    assert_eq!((&gone["status"], &page["status"]), (&json!(404), &json!(404)));
    let applied = apply(&replay(&[("dcim/devices", vec![gone])]).await, ObjectKind::Device, delete()).await;
    assert_eq!(applied.outcomes, [Outcome::Written]);
    let applied = apply(&replay(&[("dcim/devices", vec![page])]).await, ObjectKind::Device, delete()).await;
    assert!(matches!(applied.outcomes[0], Outcome::Failed(NetBoxError::WrongShape(_))), "{applied:?}");
}
