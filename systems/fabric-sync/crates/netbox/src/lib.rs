//! NetBox over its REST API: complete reads, careful writes. Knows nothing of Kubernetes and nothing of the mapping.
