//! `clean`: removes what runs left over that were killed.

use probity_case::machines::Cleaned;

use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::{run, terminal};

/// `clean`.
pub fn run(environment: &Environment) -> Result<Exit, Failure> {
    let notes = run::notes(&environment.state().map_err(Failure::wrong)?);
    let cleaned = probity_case::machines::clean(&notes).map_err(Failure::failed)?;
    for one in &cleaned {
        terminal::print(&probity_report::visible(&one.to_string()))?;
    }
    if cleaned.is_empty() {
        terminal::print("nothing is left over")?;
    }
    Ok(if cleaned.iter().any(Cleaned::is_left) { Exit::Failed } else { Exit::Fine })
}
