//! The command line: arguments, and the exit status. 0 well, 1 it failed, 2 the arguments or the configuration are wrong.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check it, and show it as it is in force.
    Check,
}

/// Does what the arguments say.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let home = Home::new(cli.home);
    let outcome = match cli.command {
        Command::Run { demo } => run_service(home, demo),
        Command::Config(ConfigCommand::Check) => check(&home),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("camera-service: {error}");
            ExitCode::from(if matches!(error, StartError::Config(_)) { 2 } else { 1 })
        }
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

fn check(home: &Home) -> Result<(), StartError> {
    let (config, environment) = home.read()?;
    if config.security.jwt.algorithm == camera_config::Algorithm::HS256 {
        home.secrets(&environment)?;
    }
    print!("{}", config.render());
    Ok(())
}
