//! JSON-RPC 2.0 over a WebSocket: messages, sessions, the socket itself. What the calls do is `service`'s.

pub mod message;
pub mod session;
pub mod socket;
