//! The command line: arguments, and the exit status. 0 well, 1 it failed, 2 the arguments or the configuration are wrong.

use std::path::PathBuf;
use std::process::ExitCode;

use camera_access::Role;
use camera_config::Span;
use clap::{Parser, Subcommand};
use service_setup::complain;

use crate::commands::{Failure, api_key, backup, check, install, restore, status, token};
use crate::demo::Demo;
use crate::home::{self, Home};
use crate::run::{self, StartError};

/// Cameras over JSON-RPC: streams, snapshots, recordings, files and events.
#[derive(Debug, Parser)]
#[command(name = "camera-service", version, about, disable_help_subcommand = true)]
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
    /// Run the service until it is told to stop (SIGTERM, Ctrl-C).
    Run {
        /// Try it: a fresh folder, loopback, two test cameras, a token for each role.
        #[arg(long)]
        demo: bool,
    },
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make tokens, and end them before their time.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make, list, revoke and rotate API keys; a running service knows at once.
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// Ask the running service how it is. Exit status 0 only if it is ready.
    Status,
    /// Write configuration, secrets, keys and added cameras into one archive, while the service runs.
    Backup {
        /// The archive to make (tar, mode 600); nothing may be there yet.
        file: PathBuf,
        /// Recordings and snapshots too; of one that is being recorded, what there is by now.
        #[arg(long)]
        media: bool,
    },
    /// Put a backup's files in place, once the whole archive has been checked.
    Restore {
        /// The archive.
        file: PathBuf,
        /// Replace files that are there; they are kept beside the restored ones.
        #[arg(long)]
        force: bool,
    },
    /// Set the service up on this machine, or bring it up to date, and start it. Safe to run again.
    Install {
        /// Install user and files only; start nothing, need no systemd.
        #[arg(long)]
        no_start: bool,
    },
    /// Stop the service and take it off this machine. Configuration, secrets and media stay.
    Uninstall {
        /// Delete configuration, secrets, recordings and snapshots too.
        #[arg(long)]
        purge: bool,
    },
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show it as it is in force, and find what a start would: files, ffmpeg, folders, ports.
    Check,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make one. It alone goes to the standard output.
    New {
        /// What its holder may do: viewer, operator or admin.
        #[arg(long)]
        role: Role,
        /// Who its holder is, for limits and the audit log. Not given: the role's name, so that all such tokens are one identity.
        #[arg(long)]
        user: Option<String>,
        /// How long it is good, such as "8 h", at most 366 d. Not given: security.jwt.lifetime of the configuration.
        #[arg(long)]
        lifetime: Option<Span>,
    },
    /// End one token or session, at once.
    Revoke {
        /// The token's identifier (`jti`), or the session's (`session_id`).
        id: String,
    },
    /// End all tokens and signed links with the next start, by another secret in .env.
    RevokeAll,
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum ApiKeyCommand {
    /// Make one. It is shown this once, alone on the standard output.
    New {
        /// What it is for.
        #[arg(long)]
        name: String,
        /// What its holder may do: viewer, operator or admin.
        #[arg(long)]
        role: Role,
        /// How long it is good, such as "90 d". Not given: until it is revoked.
        #[arg(long)]
        expires: Option<Span>,
    },
    /// List all of them.
    List,
    /// End one, at once.
    Revoke {
        /// Its identifier; `list` shows it.
        id: String,
    },
    /// Make one in another's place, with its name, role and length of life.
    Rotate {
        /// The identifier of the old one.
        id: String,
        /// How long the old one is good yet, such as "1 h". Not given: it ends at once.
        #[arg(long)]
        grace: Option<Span>,
    },
}

/// Does what the arguments say.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match perform(Home::new(cli.home), cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain!("camera-service: {failure}");
            ExitCode::from(failure.status())
        }
    }
}

fn perform(home: Home, command: Command) -> Result<(), Failure> {
    match command {
        Command::Run { demo } => run_service(home, demo).map_err(Failure::from),
        Command::Config(ConfigCommand::Check) => check::run(&home),
        Command::Token(command) => match command {
            TokenCommand::New { role, user, lifetime } => token::new(&home, role, user.as_deref(), lifetime),
            TokenCommand::Revoke { id } => token::revoke(&home, &id),
            TokenCommand::RevokeAll => token::revoke_all(&home),
        },
        Command::ApiKey(command) => match command {
            ApiKeyCommand::New { name, role, expires } => api_key::new(&home, &name, role, expires),
            ApiKeyCommand::List => api_key::list(&home),
            ApiKeyCommand::Revoke { id } => api_key::revoke(&home, &id),
            ApiKeyCommand::Rotate { id, grace } => api_key::rotate(&home, &id, grace),
        },
        Command::Status => status::show(&home),
        Command::Backup { file, media } => backup::run(&home, &file, media),
        Command::Restore { file, force } => restore::run(&home, &file, force),
        Command::Install { no_start } => install::install(&home, !no_start),
        Command::Uninstall { purge } => install::uninstall(&home, purge),
    }
}

fn run_service(home: Home, demo: bool) -> Result<(), StartError> {
    let demo = demo.then(Demo::new).transpose()?;
    let home = demo.as_ref().map_or(home, |demo| demo.home.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::Other(format!("the service cannot be run here: {error}")))?;
    runtime.block_on(run::run(&home, |addresses| {
        let text = match &demo {
            Some(demo) => demo.greeting(addresses),
            None => format!("clients {}\nhealth {}\n", addresses.clients, addresses.health),
        };
        // Whoever started it may not be reading.
        let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
    }))
}
