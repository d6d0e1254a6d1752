//! The command line: wiring, progress, exit statuses. Everything it knows about the machine it was handed or asks of
//! `probity-probe` and `probity-evidence`.

mod audit;
mod bundle;
mod clean;
mod cli;
mod dry_run;
mod environment;
mod exit;
mod init;
mod interrupt;
mod plan;
mod progress;
mod report;
mod reproduce;
mod run;
mod show;
mod terminal;
mod try_once;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command, Generated, PlanCommand};
use environment::Environment;
use exit::{Exit, Failure};

fn main() -> ExitCode {
    // What the shell opened for us, a secret among it, is for none of the programs that are started here.
    close_fds::set_fds_cloexec(3, &[]);
    let done = match Cli::try_parse() {
        Ok(cli) => dispatch(cli.command, &Environment::of_process()),
        // Help and version are no error; everything else is a wrong call.
        Err(error) if error.use_stderr() => {
            _ = error.print();
            Ok(Exit::Wrong)
        }
        Err(error) => terminal::written(error.print()).map(|()| Exit::Fine),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            terminal::complain(&failure.message);
            failure.exit.into()
        }
    }
}

fn dispatch(command: Command, environment: &Environment) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => run::run(&args, environment),
        Command::Try(args) => try_once::run(&args, environment),
        Command::Plan(PlanCommand::Check { plan, format }) => plan::check(&plan, format),
        Command::Plan(PlanCommand::Schema) => plan::schema(),
        Command::Verify(args) => verify::run(&args, environment),
        Command::Evaluate(args) => report::evaluate(&args, environment),
        Command::Report(args) => report::report(&args, environment),
        Command::Audit(args) => audit::run(&args, environment),
        Command::Show(args) => show::run(&args),
        Command::Reproduce(args) => reproduce::run(&args, environment),
        Command::Init(args) => init::run(&args),
        Command::Clean => clean::run(environment),
        Command::Agent { unlink, bounding_set } => serve(unlink.as_deref(), bounding_set.as_deref()),
        Command::Generate { what } => generate(what),
    }
}

/// `agent`.
fn serve(unlink: Option<&std::path::Path>, bounding_set: Option<&str>) -> Result<Exit, Failure> {
    bounding_set.map_or(Ok(()), probity_probe::observer::agent::bound).map_err(Failure::failed)?;
    probity_probe::observer::agent::serve(std::io::stdin().lock(), std::io::stdout(), unlink)
        .map_err(Failure::failed)?;
    Ok(Exit::Fine)
}

fn generate(what: Generated) -> Result<Exit, Failure> {
    let mut command = Cli::command();
    let mut out = Vec::new();
    let shell = match what {
        Generated::Bash => clap_complete::Shell::Bash,
        Generated::Zsh => clap_complete::Shell::Zsh,
        Generated::Fish => clap_complete::Shell::Fish,
        Generated::Man => {
            clap_mangen::Man::new(command).render(&mut out).map_err(Failure::failed)?;
            terminal::print(&String::from_utf8_lossy(&out))?;
            return Ok(Exit::Fine);
        }
    };
    clap_complete::generate(shell, &mut command, "probity", &mut out);
    terminal::print(&String::from_utf8_lossy(&out))?;
    Ok(Exit::Fine)
}
