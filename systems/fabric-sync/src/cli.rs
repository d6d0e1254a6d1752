//! The command line: arguments, and the exit status. 0 well, 1 it failed or the sides differ, 2 the arguments or the configuration are
//! wrong.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use service_setup::complain;

use crate::commands::{Failure, adopt, apply, check, history, install, plan, prepare, status};
use crate::home::{self, Home};
use crate::{demo, run};

/// Keeps NetBox in step with Hedgehog fabrics.
#[derive(Debug, Parser)]
#[command(name = "fabric-sync", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// The folder of the installation.
    #[arg(long, global = true, value_name = "FOLDER", default_value = home::DEFAULT)]
    pub home: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare both sides and show what would be written, per object and field, with reasons. Writes nothing. Exit status 1 if
    /// anything differs or is unknown.
    Plan {
        /// Which fabric.
        #[command(flatten)]
        fabric: OneFabric,
        /// Keep the plan in this file, for `apply`.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Plan deletions too that wait for somebody's word: too many at once, or all objects of a kind.
        #[arg(long)]
        confirm_deletions: bool,
    },
    /// Apply exactly this plan: both sides are read again, and if they would give another plan, nothing is written.
    Apply {
        /// The file that `plan --output` wrote.
        plan: PathBuf,
        /// Now, though the configuration says that the fabric is paused, or it is outside its windows.
        #[arg(long)]
        now: bool,
    },
    /// Run the service until it is told to stop (SIGTERM, Ctrl-C).
    Run {
        /// Try it: a fake cluster and a fake NetBox inside this process, and the whole loop shown step by step.
        #[arg(long)]
        demo: bool,
        /// With --demo: end after the last step instead of keeping the status page up.
        #[arg(long, requires = "demo")]
        once: bool,
    },
    /// Take objects that people made in NetBox over into the fabric's ownership: lists them, and takes over those named.
    Adopt {
        /// Which fabric.
        #[command(flatten)]
        fabric: OneFabric,
        /// Objects of the list, as it shows them. Not given: only list.
        objects: Vec<String>,
        /// All of the list.
        #[arg(long, conflicts_with = "objects")]
        all: bool,
        /// Now, though the configuration says that the fabric is paused, or it is outside its windows.
        #[arg(long)]
        now: bool,
    },
    /// Make the custom fields and tags that NetBox must have, with an administrator's token. Once.
    Prepare {
        /// The file with that token; the service's own need not be able to.
        #[arg(long, value_name = "FILE")]
        token_file: PathBuf,
    },
    /// Ask the running service how each fabric is. Exit status 0 only if every fabric is in sync.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what was read, compared and written, run by run, and check that nobody changed the record.
    History {
        /// Which fabric.
        #[command(flatten)]
        fabric: OneFabric,
        /// The public key (OpenSSH) that must have signed each record; repeated, one of them.
        #[arg(long, value_name = "FILE")]
        key: Vec<PathBuf>,
        /// Show at most so many of the last records.
        #[arg(long, default_value_t = 20, value_name = "COUNT")]
        last: usize,
        /// As JSON, one record a line.
        #[arg(long)]
        json: bool,
    },
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Set the service up on this machine, or bring it up to date, and start it. Safe to run again.
    Install {
        /// Install user and files only; start nothing, need no systemd.
        #[arg(long)]
        no_start: bool,
    },
    /// Stop the service and take it off this machine. Configuration, secrets and history stay; NetBox is not touched.
    Uninstall {
        /// Delete configuration, secrets and history too.
        #[arg(long)]
        purge: bool,
    },
}

/// Which fabric a command is about.
#[derive(Debug, Args)]
pub struct OneFabric {
    /// The fabric's name; not needed where the configuration has one.
    #[arg(long, value_name = "NAME")]
    pub fabric: Option<String>,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Find what a start would: keys, files, and whether both ends can be read whole. The right to write and to the lease is not
    /// tried. Exit status 1 if there is a fault, 2 if the configuration is wrong.
    Check {
        /// Look at the files only; ask nobody.
        #[arg(long)]
        offline: bool,
    },
}

/// Does what the arguments say.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match perform(&Home::new(cli.home), cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain!("fabric-sync: {failure}");
            ExitCode::from(failure.status())
        }
    }
}

fn perform(home: &Home, command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("this program cannot run here: {error}")))?;
    match command {
        Command::Plan { fabric, output, confirm_deletions } => {
            let (fabric, output) = (fabric.fabric.as_deref(), output.as_deref());
            runtime.block_on(plan::run(home, fabric, output, confirm_deletions))
        }
        Command::Apply { plan, now } => runtime.block_on(apply::run(home, &plan, now)),
        Command::Run { demo: false, .. } => runtime.block_on(run::run(home)),
        Command::Run { demo: true, once } => runtime.block_on(demo::run(once)),
        Command::Adopt { fabric, objects, all, now } => {
            runtime.block_on(adopt::run(home, fabric.fabric.as_deref(), &objects, (all, now)))
        }
        Command::Prepare { token_file } => runtime.block_on(prepare::run(home, &token_file)),
        Command::Status { json } => runtime.block_on(status::run(home, json)),
        Command::History { fabric, key, last, json } => {
            history::run(home, fabric.fabric.as_deref(), &key, last, json)
        }
        Command::Config(ConfigCommand::Check { offline }) => runtime.block_on(check::run(home, offline)),
        Command::Install { no_start } => install::install(home, !no_start),
        Command::Uninstall { purge } => install::uninstall(home, purge),
    }
}
