//! Requests and their answers: authorisation, filters, paging, ETags, faults.

use super::store::{Refusal, Store};
use super::{Fault, Shared};
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use fabric_model::ObjectKind;
use serde_json::{Value, json};

const MAX_PAGE_SIZE: usize = 1000;
/// What gunicorn, NetBox's usual server, reads of a request's first line, in bytes.
const MAX_REQUEST_LINE: usize = 4094;

/// The error is what is sent before the connection ends.
pub(super) fn answer(
    shared: &Shared,
    head: &Parts,
    path: &str,
    body: &Bytes,
    fault: Option<&Fault>,
) -> Result<Response, Bytes> {
    match fault {
        Some(Fault::LoginPage) => return Ok(page(StatusCode::OK)),
        Some(Fault::Status(status)) => {
            return Ok(page(StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)));
        }
        Some(Fault::Throttled) => return Ok(throttled("0")),
        Some(Fault::RetryAfter(wait)) => return Ok(throttled(wait)),
        Some(Fault::OtherShape) => return Ok(send(StatusCode::OK, &json!({"status": "ok"}))),
        _ => {}
    }
    if head.uri.to_string().len() + "DELETE  HTTP/1.1".len() > MAX_REQUEST_LINE {
        return Ok(page(StatusCode::BAD_REQUEST));
    }
    let given = head.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = given.trim_start_matches("Bearer ").trim_start_matches("Token ");
    if given != *shared.token.lock() || fault == Some(&Fault::Forbidden) {
        return Ok(send(StatusCode::FORBIDDEN, &json!({"detail": format!("Invalid token {given}")})));
    }
    let mut store = shared.store.lock();
    if fault == Some(&Fault::ChangedMeanwhile)
        && let Some((kind, Some(id))) = place(path)
    {
        // Whether it was there to be changed shows in the answer.
        let _ = store.change(kind, id, json!({"description": "somebody was here"}));
    }
    let response = route(&mut store, head, path, body, fault);
    match fault {
        Some(Fault::CutAfterDone) => Err(Bytes::new()),
        Some(Fault::HalfBody) => {
            let text = response.1.to_string();
            Err(Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]))
        }
        _ => {
            let (status, body, etag) = response;
            let mut response = send(status, &body);
            if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
                response.headers_mut().insert("etag", etag);
            }
            Ok(response)
        }
    }
}

type Reply = (StatusCode, Value, Option<String>);

fn place(path: &str) -> Option<(ObjectKind, Option<u64>)> {
    let path = path.trim_end_matches('/');
    let kind = ObjectKind::ALL.into_iter().find(|kind| {
        path.strip_prefix(kind.path()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })?;
    let rest = path.strip_prefix(kind.path())?.trim_start_matches('/');
    if rest.is_empty() { Some((kind, None)) } else { Some((kind, Some(rest.parse().ok()?))) }
}

fn route(store: &mut Store, head: &Parts, path: &str, body: &Bytes, fault: Option<&Fault>) -> Reply {
    let plain = |status, body| (status, body, None);
    let query: Vec<(String, String)> = head
        .uri
        .query()
        .map(|query| url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
        .unwrap_or_default();
    let content: Value = serde_json::from_slice(body).unwrap_or_default();
    match (&head.method, path.trim_end_matches('/')) {
        (&Method::GET, "status") => {
            return plain(StatusCode::OK, json!({"netbox-version": "4.7.3", "fake": true}));
        }
        (&Method::GET, "extras/custom-fields") => {
            return plain(StatusCode::OK, list_of(&store.custom_fields));
        }
        (&Method::POST, "extras/custom-fields") => {
            store.custom_fields.push(content.clone());
            return plain(StatusCode::CREATED, content);
        }
        (&Method::GET, "extras/tags") => return plain(StatusCode::OK, list_of(&store.tags)),
        (&Method::POST, "extras/tags") => {
            store.tags.push(content.clone());
            return plain(StatusCode::CREATED, content);
        }
        (&Method::GET, "core/object-changes") => {
            return plain(StatusCode::OK, json!({"count": store.changes.len(), "next": null, "results": []}));
        }
        _ => {}
    }
    let Some((kind, id)) = place(path) else {
        return plain(StatusCode::NOT_FOUND, json!({"detail": "Not found."}));
    };
    let etag = |object: &Value| {
        object["last_updated"].as_str().map(|time| format!("W/\"{}\"", time.replace('Z', "+00:00")))
    };
    let stale = |store: &Store, id| {
        let wanted = head.headers.get("if-match").and_then(|value| value.to_str().ok());
        let object = store.object(kind, id);
        wanted.is_some_and(|wanted| object.as_ref().and_then(etag).as_deref() != Some(wanted))
    };
    let refused = |refusal: Refusal| (refusal.status, refusal.body, None);
    match (&head.method, id) {
        (&Method::GET, None) => plain(StatusCode::OK, list(store, kind, &query, fault)),
        (&Method::GET, Some(id)) => match store.object(kind, id) {
            Some(object) => {
                let tag = etag(&object);
                (StatusCode::OK, object, tag)
            }
            None => plain(StatusCode::NOT_FOUND, json!({"detail": "Not found."})),
        },
        (&Method::POST, None) => match content {
            Value::Array(bodies) => match store.create_all(kind, bodies) {
                Ok(created) => plain(StatusCode::CREATED, created.into()),
                Err(refusal) => refused(refusal),
            },
            body => match store.create(kind, body) {
                Ok(created) => plain(StatusCode::CREATED, created),
                Err(refusal) => refused(refusal),
            },
        },
        (&Method::PATCH | &Method::DELETE, Some(id)) if stale(store, id) => {
            plain(StatusCode::PRECONDITION_FAILED, json!({"detail": "The object has been modified"}))
        }
        (&Method::PATCH, Some(id)) => match store.change(kind, id, content) {
            Ok(object) => {
                let tag = etag(&object);
                (StatusCode::OK, object, tag)
            }
            Err(refusal) => refused(refusal),
        },
        (&Method::DELETE, Some(id)) => match store.delete(kind, id) {
            Ok(()) => {
                store.changes.push(content["changelog_message"].as_str().unwrap_or_default().to_owned());
                plain(StatusCode::NO_CONTENT, Value::Null)
            }
            Err(refusal) => refused(refusal),
        },
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, json!({"detail": "Method not allowed."})),
    }
}

fn list_of(items: &[Value]) -> Value {
    json!({"count": items.len(), "next": null, "previous": null, "results": items})
}

fn list(store: &mut Store, kind: ObjectKind, query: &[(String, String)], fault: Option<&Fault>) -> Value {
    let parameter = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let number = |name: &str| parameter(name).and_then(|value| value.parse::<usize>().ok());
    let mut objects = store.objects(kind);
    if fault != Some(&Fault::NoFilters) {
        objects.retain(|object| store.is_selected(object, query));
    }
    let count = objects.len();
    let limit = number("limit").unwrap_or(50).min(MAX_PAGE_SIZE);
    let (mut rest, count) = match number("start") {
        Some(start) => {
            let start = u64::try_from(start).unwrap_or(u64::MAX);
            objects.retain(|object| object["id"].as_u64() >= Some(start));
            (objects, Value::Null)
        }
        None => (objects.split_off(number("offset").unwrap_or_default().min(count)), count.into()),
    };
    let has_more = rest.len() > limit;
    rest.truncate(limit);
    if fault == Some(&Fault::ShortPage) {
        rest.pop();
    }
    if fault == Some(&Fault::RowBetweenPages) {
        store.duplicate_last(kind);
    }
    if let Some(fields) = parameter("fields") {
        let fields: Vec<&str> = fields.split(',').collect();
        for object in rest.iter_mut().filter_map(Value::as_object_mut) {
            object.retain(|name, _| fields.contains(&name.as_str()));
        }
    }
    let next = if has_more { Value::from("http://127.0.0.1/api/?more") } else { Value::Null };
    json!({"count": count, "next": next, "previous": null, "results": rest})
}

fn send(status: StatusCode, body: &Value) -> Response {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

fn throttled(wait: &'static str) -> Response {
    let mut response = send(StatusCode::TOO_MANY_REQUESTS, &json!({"detail": "Request was throttled."}));
    response.headers_mut().insert("retry-after", HeaderValue::from_static(wait));
    response
}

fn page(status: StatusCode) -> Response {
    let mut response = Response::new(Body::from("<html><title>Please log in</title></html>"));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/html"));
    response
}
