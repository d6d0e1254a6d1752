//! Leave to write: asked for at the last moment before each write is sent, whatever was read, waited for or refused before.

use std::time::Duration;

/// Whether a write may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Yes, and it may take as long as any request may.
    Granted,
    /// Yes, and for this long nobody else begins to write; then it is asked again, and given up where the leave is not renewed.
    GrantedFor(Duration),
    /// No.
    Denied,
}

/// Who is asked.
pub type MayWrite<'a> = dyn Fn() -> Permit + Sync + 'a;

/// Ends when a write that was sent on `permit` may not be waited for any longer.
pub(crate) async fn run_out(mut permit: Permit, may_write: &MayWrite<'_>) {
    loop {
        match permit {
            Permit::Granted => std::future::pending().await,
            Permit::GrantedFor(left) => tokio::time::sleep(left).await,
            Permit::Denied => return,
        }
        permit = may_write();
    }
}
