//! A fabric as Kubernetes holds it: complete lists or why not, watches, the leader's lease. Knows nothing of NetBox and nothing of the mapping.
