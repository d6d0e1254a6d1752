//! What the configuration means in the terms of those who act on it.

use std::collections::{BTreeSet, HashSet};

use fabric_kubernetes::{Access, Scope};
use fabric_model::{Kind, Policy};
use fabric_netbox::Options;
use jiff::SignedDuration;

use super::{Fabric, NetBox};

impl NetBox {
    /// How it is reached.
    #[must_use]
    pub fn options(&self) -> Options {
        let options = Options::new(self.url.clone(), self.token_file.clone());
        Options {
            ca_file: self.ca_file.clone(),
            deadline: self.deadline.duration(),
            page_size: self.page_size,
            requests_per_second: self.requests_per_second,
            ..options
        }
    }
}

impl Fabric {
    /// How its API server is reached.
    #[must_use]
    pub fn access(&self) -> Access {
        let kubernetes = &self.kubernetes;
        match (&kubernetes.kubeconfig, &kubernetes.url) {
            (Some(path), _) => Access::Kubeconfig { path: path.clone(), context: kubernetes.context.clone() },
            (None, url) => Access::Server {
                url: url.clone().unwrap_or_default(),
                authority: kubernetes.ca_file.clone(),
                token: kubernetes.token_file.clone(),
            },
        }
    }

    /// Which objects belong to it.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope {
            kinds: Kind::ALL.into_iter().filter(|kind| !self.exclude.contains(kind)).collect(),
            namespaces: self.namespaces.clone(),
            labels: self.labels.clone(),
        }
    }

    /// Namespace and name of its lease, if it has one.
    #[must_use]
    pub fn lease_place(&self) -> Option<(&str, String)> {
        let lease = self.lease.as_ref()?;
        let usual = || format!("fabric-sync-{}", self.name);
        Some((&lease.namespace, lease.name.clone().unwrap_or_else(usual)))
    }

    /// What stands before a deletion.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let deletion = &self.deletion;
        Policy {
            deletions: deletion.enabled,
            grace: SignedDuration::try_from(deletion.grace).unwrap_or(SignedDuration::MAX),
            max_deletions: deletion.max_objects,
            max_deletion_percent: deletion.max_percent,
            confirmed: false,
            told: BTreeSet::new(),
            fresh_marks: HashSet::new(),
        }
    }
}
