//! One file of a recording.
