//! What is served: one group's versions, and all kinds at once, as an API server of Kubernetes 1.30 tells them.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use fabric_model::Kind;
use serde_json::{Value, json};

use super::Shared;

pub(super) async fn one_group(
    State(shared): State<Shared>,
    Path(group): Path<String>,
    headers: HeaderMap,
) -> Response {
    match shared.before("", format!("/apis/{group}"), &headers).await {
        Err(answer) => answer,
        Ok(_) => axum::Json(json!({"kind": "APIGroup", "apiVersion": "v1", "name": group,
            "versions": [{"groupVersion": format!("{group}/v1beta1"), "version": "v1beta1"}]}))
        .into_response(),
    }
}

pub(super) async fn all_groups(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if let Err(answer) = shared.before("apis", "/apis".into(), &headers).await {
        return answer;
    }
    let own = Kind::ALL.into_iter().map(|kind| (kind.group().to_owned(), kind.name().to_owned()));
    let further = shared.store.lock().further_kinds.clone();
    let items: Vec<Value> = own.chain(further).map(|(group, kind)| group_of(&group, &kind)).collect();
    axum::Json(json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {}, "items": items}))
    .into_response()
}

fn group_of(group: &str, kind: &str) -> Value {
    let status = json!({"subresource": "status",
        "responseKind": {"group": group, "version": "v1beta1", "kind": kind}, "verbs": ["get"]});
    let resource = json!({"resource": kind.to_lowercase(), "scope": "Namespaced", "verbs": ["get", "list"],
        "responseKind": {"group": group, "version": "v1beta1", "kind": kind}, "subresources": [status]});
    json!({"metadata": {"name": group}, "versions": [{"version": "v1beta1", "freshness": "Current",
        "resources": [resource]}]})
}
