//! What a call that changes something is about: said of its parameters, for the audit log. None of these holds a credential.

use super::{
    ConfigPatch, Device, File, NewCamera, Nothing, RecordingRequest, RetentionPolicy, SnapshotRequest,
};

/// Parameters of a call that changes something.
pub(super) trait Subject {
    /// The camera, the file, or the change.
    fn subject(&self) -> String;
}

impl Subject for Nothing {
    fn subject(&self) -> String {
        String::new()
    }
}

impl Subject for Device {
    fn subject(&self) -> String {
        self.device.clone()
    }
}

impl Subject for SnapshotRequest {
    fn subject(&self) -> String {
        self.device.clone()
    }
}

impl Subject for RecordingRequest {
    fn subject(&self) -> String {
        self.device.clone()
    }
}

impl Subject for File {
    fn subject(&self) -> String {
        self.filename.clone()
    }
}

impl Subject for NewCamera {
    fn subject(&self) -> String {
        self.name.clone()
    }
}

impl Subject for ConfigPatch {
    fn subject(&self) -> String {
        self.patch.to_string()
    }
}

impl Subject for RetentionPolicy {
    fn subject(&self) -> String {
        serde_json::json!(self).to_string()
    }
}
