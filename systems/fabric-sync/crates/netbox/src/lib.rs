//! NetBox's REST API: lists that are whole or say why not, careful writes, and the execution of a plan.
//!
//! It knows which objects bear a fabric's key, and neither Kubernetes nor what an object stands for. NetBox is not trusted: an unknown
//! filter answers everything, a proxy answers HTML, a body ends in the middle, a write lands whose answer is lost.

mod adopt;
mod apply;
mod dependants;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod http;
mod list;
mod options;
mod permit;
mod setup;
mod throttle;
mod token;
mod write;

pub use adopt::{Adoptable, AdoptionCandidate, AdoptionOutcome, NotAdoptable};
pub use apply::{Applied, Outcome, RunOptions};
pub use error::NetBoxError;
pub use http::{NetBox, RequestCounts};
pub use options::{ConfigError, Options};
pub use permit::{MayWrite, Permit};
pub use setup::{MIN_VERSION, Setup, SetupProblem};
