//! Which kinds the fabric's API groups serve that the model does not know: a newer fabric brings them. They are told and never read, so no
//! right to list them is needed.

use std::time::Duration;

use fabric_model::{FurtherKinds, Kind};
use kube::core::discovery::v2::{ACCEPT_AGGREGATED_DISCOVERY_V2, APIGroupDiscoveryList};
use serde_json::Value;

use crate::access::Session;
use crate::request::{Trouble, get_as, words};

/// The domain of the fabric's API groups.
const DOMAIN: &str = ".githedgehog.com";

/// Asks once for all that is served (aggregated discovery, stable since Kubernetes 1.30).
pub(crate) async fn find_further_kinds(session: &Session, deadline: Duration) -> FurtherKinds {
    let answer = get_as(session, "/apis", ACCEPT_AGGREGATED_DISCOVERY_V2, deadline).await;
    answer.and_then(take_apart).map_err(Trouble::into_unread)
}

fn take_apart(answer: Value) -> Result<std::collections::BTreeSet<String>, Trouble> {
    if answer["kind"] != "APIGroupDiscoveryList" {
        let text =
            format!("it says {}, asked was APIGroupDiscoveryList, as of Kubernetes 1.30", answer["kind"]);
        return Err(Trouble::Foreign(words(&text)));
    }
    let list: APIGroupDiscoveryList =
        serde_json::from_value(answer).map_err(|error| Trouble::Foreign(words(&error.to_string())))?;
    let groups = list.items.into_iter().filter_map(|group| Some((group.metadata?.name?, group.versions)));
    let kinds = groups.filter(|(group, _)| group.ends_with(DOMAIN)).flat_map(|(group, versions)| {
        let resources = versions.into_iter().flat_map(|version| version.resources);
        let kinds = resources.filter_map(|resource| resource.response_kind?.kind);
        kinds.map(move |kind| (group.clone(), kind))
    });
    let is_known =
        |group: &str, name: &str| Kind::ALL.iter().any(|kind| kind.group() == group && kind.name() == name);
    Ok(kinds
        .filter(|(group, kind)| !is_known(group, kind))
        .map(|(group, kind)| words(&format!("{group}/{kind}")))
        .collect())
}
