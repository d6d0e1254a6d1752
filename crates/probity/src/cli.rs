//! The command line as declared: one declaration yields parsing, help, completions and the man page.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Production validation that cannot claim more than its evidence.
#[derive(Debug, Parser)]
#[command(
    name = "probity",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = "Exit status 4, of every command: its output could not be written.

Examples:
  probity run plans/this-machine.yaml -o today.probity
  probity verify today.probity
  probity show today.probity 7
  probity try http http://127.0.0.1:8003/health/ready")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Probe the target as the plan says, record the evidence, and give the verdict.
    ///
    /// Exit status: 0 accepted, 1 rejected, 2 inconclusive, 3 the plan or the call is wrong, 4 the run itself failed or
    /// was interrupted.
    #[command(
        after_help = "A plan is code: running a stranger's plan is running a stranger's code. Look first:
  probity run PLAN --dry-run

Examples:
  probity run plans/this-machine.yaml -o today.probity
  probity run release.yaml -o r42.probity --allow write --input health=http://10.0.0.5:8003
  probity run release.yaml -o r42.probity --challenge 'auditor, 2026-11-21, 7f3a'"
    )]
    Run(RunArgs),
    /// Look once and print the facts with their types. Never evidence.
    ///
    /// Exit status: 0 seen, 2 behind a barrier, 3 the plan or the call is wrong.
    #[command(after_help = "Examples:
  probity try plans/this-machine.yaml            every probe of a plan, once
  probity try plans/this-machine.yaml listeners  one probe of a plan
  probity try http http://127.0.0.1:8003/health/ready
  probity try file /etc/shadow
  probity try process nginx user=www-data        further parameters as key=value
  probity try command df -h                      a program with its arguments")]
    Try(TryArgs),
    /// Check a bundle without trusting its author: bytes, tree, signatures, then the verdict recomputed.
    ///
    /// Exit status: 0 intact, complete, signed by a key you named or your own, and findings and report are those that follow
    /// from the log; 1 altered, or what follows is something else; 2 incomplete, the signer is unknown to you, or not all
    /// could be compared; 3 not a bundle, or a newer format.
    #[command(after_help = "Examples:
  probity verify release.probity --signers allowed_signers
  probity verify release.probity --signers allowed_signers --accepted && deploy")]
    Verify(VerifyArgs),
    /// Judge the evidence of a bundle by claims of your own, "chosen after the fact".
    ///
    /// Exit status: as `run`, unless the bundle is no acceptable evidence: 1 it is altered, and nothing is printed but that (with
    /// `--format junit` as an `<error>`); 2 it is incomplete or its signer is unknown to you, and what is printed says so;
    /// 3 not a bundle.
    Evaluate(EvaluateArgs),
    /// Render the report of a bundle.
    ///
    /// Exit status: 0 done; 1, 2 and 3 as for `evaluate`, where the bundle is no acceptable evidence.
    Report(ReportArgs),
    /// Walk through the evidence of a bundle as it stands, unverified: its entries, or one of them.
    Show(ShowArgs),
    /// Make the observations of a bundle again, into a new bundle that cites it.
    ///
    /// Prints every command first. A bundle that is altered (1), incomplete or by an unknown signer (2) or none (3) is not run.
    ///
    /// Exit status: 0 each finding that was decided is decided so again, with bounds that meet; 1 one is contradicted; 2 nothing
    /// was shown, or not all of it again; 3 and 4 as `run`.
    Reproduce(ReproduceArgs),
    /// Find what a written report (Markdown) contradicts in itself and what it claims beyond what it shows.
    ///
    /// With `--against`, also what it says otherwise than a bundle, and which of its numbers the bundle does not show.
    ///
    /// Nothing in the report is executed, fetched or followed. Exit status: 0 nothing found, 1 something found or
    /// the bundle is altered, 2 the bundle is incomplete or its signer unknown to you, 3 the report cannot be read or the
    /// bundle is none.
    #[command(after_help = "Examples:
  probity audit REPORT.md
  probity audit REPORT.md --rule percent-not-fraction --rule target-missed
  probity audit REPORT.md --against release.probity --signers allowed_signers
  probity audit docs/ reports/ --format sarif > audit.sarif
  probity audit reports/ --format baseline > audit-baseline.json
  probity audit reports/ --baseline audit-baseline.json --format github

A comment on the line before accepts a finding:
  <!-- probity: accept parts-not-total: one was counted twice -->")]
    Audit(AuditArgs),
    /// For authors of plans.
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Draft a plan from what can be seen on this machine, and from what each port answers; everything in it is marked as discovered, not
    /// required.
    Init(InitArgs),
    /// Remove the machines and copies of this program that runs left over which were killed; those of runs that go on are left alone.
    ///
    /// Every run does so before it begins. Exit status: 0 nothing is left over, 4 something could not be removed.
    Clean,
    /// Look from elsewhere for a run of somebody else's: what a run starts at the far side of an observer of its plan (docs/trust.md).
    #[command(hide = true)]
    Agent {
        /// The copy of the program that is removed first.
        #[arg(long, value_name = "FILE")]
        unlink: Option<PathBuf>,
        /// What the programs that it starts may be able to do at most.
        #[arg(long, value_name = "CAPABILITIES")]
        bounding_set: Option<String>,
    },
    /// Print shell completions or the man page.
    #[command(hide = true)]
    Generate {
        /// What to print.
        what: Generated,
    },
}

/// A plan and the values of its inputs.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The plan, a YAML file.
    pub plan: PathBuf,
    /// The value of an input; never for a secret.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = pair)]
    pub inputs: Vec<(String, String)>,
}

/// How a run is signed and registered.
#[derive(Debug, Args)]
pub struct SigningArgs {
    /// Sign with this key: an OpenSSH private key, or the .pub file of a key in an agent or on a security key. Without
    /// it, a key made at first use.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The ledger of your runs; without it, the one below your state directory.
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// A text from the reader of the report: shows that the run began after it was given.
    #[arg(long, value_name = "TEXT", value_parser = challenge)]
    pub challenge: Option<String>,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The plan.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// The bundle to make; must not exist yet.
    #[arg(short, long, value_name = "BUNDLE", required_unless_present = "dry_run")]
    pub output: Option<PathBuf>,
    /// Print what would be done, with impact, commands, privileges and the longest duration, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Options that `reproduce` has too.
    #[command(flatten)]
    pub how: HowArgs,
}

/// How to run.
#[derive(Debug, Args)]
pub struct HowArgs {
    /// The greatest impact allowed.
    #[arg(long, value_name = "IMPACT", default_value = "observe")]
    pub allow: Allow,
    /// Run only these probes; may be repeated.
    #[arg(long, value_name = "PROBE", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Stop after this long, such as 10m; what was not looked at by then stays undetermined, nothing is accepted, and the exit status is 4.
    #[arg(long, value_name = "DURATION")]
    pub limit: Option<probity_plan::units::Span>,
    /// The greatest size of the bundle in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    pub max_size: u64,
    /// How to sign.
    #[command(flatten)]
    pub signing: SigningArgs,
    /// How to print the result.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Output,
}

/// `try`.
#[derive(Debug, Args)]
pub struct TryArgs {
    /// A plan's file, or a kind of probe such as http, file, process, command.
    pub what: String,
    /// For a plan: the probe. For a kind: its main parameter, then further ones as key=value.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub parameters: Vec<String>,
    /// The value of an input of the plan.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = pair)]
    pub inputs: Vec<(String, String)>,
    /// The greatest impact allowed for the probes of a plan.
    #[arg(long, value_name = "IMPACT", default_value = "observe")]
    pub allow: Allow,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Output,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The bundle: a folder or a tar.
    pub bundle: PathBuf,
    /// Whose signature counts: a file in OpenSSH's allowed_signers format. Without it, only your own key.
    #[arg(long, value_name = "FILE")]
    pub signers: Option<PathBuf>,
    /// Also demand that the verdict is accepted: a bundle that is in order then exits as `run` did.
    #[arg(long)]
    pub accepted: bool,
    /// Compare the decisions alone, and not report.html nor what findings.json says of why: a bundle that another version made may
    /// then be in order too.
    #[arg(long)]
    pub without_report: bool,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Output,
}

/// `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// The reports: Markdown files of at most 64 MiB, folders (every .md file below them), or `-` for standard input.
    #[arg(required = true, value_name = "REPORT")]
    pub reports: Vec<PathBuf>,
    /// Hold what the report says of the bundle's claims, in numbers and words, against what was found. The bundle is
    /// verified first.
    #[arg(long, value_name = "BUNDLE")]
    pub against: Option<PathBuf>,
    /// Whose signature on the bundle counts, as for `verify`.
    #[arg(long, value_name = "FILE", requires = "against")]
    pub signers: Option<PathBuf>,
    /// Look only for this; may be repeated. docs/audit-rules.md lists the rules.
    #[arg(long = "rule", value_name = "ID", value_parser = rules())]
    pub rules: Vec<String>,
    /// What was found before, as `--format baseline` wrote it: it no longer counts.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: AuditFormat,
}

fn rules() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(probity_audit::rules::all().map(|rule| rule.id))
}

/// The forms of an audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuditFormat {
    /// For a terminal.
    Text,
    /// For reading.
    Markdown,
    /// For programs.
    Json,
    /// SARIF 2.1.0, for code hosts.
    Sarif,
    /// Annotations of GitHub's runners: one line a finding.
    Github,
    /// A file for `--baseline`.
    Baseline,
}

/// How `plan check` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people: each with its line.
    Text,
    /// For programs.
    Json,
    /// SARIF 2.1.0, for code hosts and editors.
    Sarif,
}

/// `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// The bundle.
    pub bundle: PathBuf,
    /// Your plan: claims, scores and verdict rules about the probes of the bundle.
    #[arg(long, value_name = "MINE")]
    pub plan: PathBuf,
    /// The value of an input of your plan.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = pair)]
    pub inputs: Vec<(String, String)>,
    /// Whose signature counts, as for `verify`.
    #[arg(long, value_name = "FILE")]
    pub signers: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ReportFormat,
}

/// `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The bundle.
    pub bundle: PathBuf,
    /// How to render it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ReportFormat,
    /// Whose signature counts, as for `verify`.
    #[arg(long, value_name = "FILE")]
    pub signers: Option<PathBuf>,
}

/// `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The bundle.
    pub bundle: PathBuf,
    /// The number of an entry; without it, a line for each.
    pub entry: Option<u64>,
    /// Only entries of this probe.
    #[arg(long)]
    pub probe: Option<String>,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Output,
}

/// `reproduce`.
#[derive(Debug, Args)]
pub struct ReproduceArgs {
    /// The bundle to reproduce.
    pub bundle: PathBuf,
    /// The bundle to make; must not exist yet.
    #[arg(short, long, value_name = "BUNDLE")]
    pub output: PathBuf,
    /// Whose signature counts, as for `verify`; the plan of an unknown signer is not run.
    #[arg(long, value_name = "FILE")]
    pub signers: Option<PathBuf>,
    /// How to run.
    #[command(flatten)]
    pub how: HowArgs,
}

/// `plan`.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Find before the run what cannot work.
    ///
    /// Exit status: 0 nothing that cannot work, 3 something.
    Check {
        /// The plan.
        #[command(flatten)]
        plan: PlanArgs,
        /// How to print.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: PlanFormat,
    },
    /// Print the JSON Schema of the plan language, for editors.
    Schema,
}

/// `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The plan to write; must not exist yet. Without it, the plan is printed.
    #[arg(short, long, value_name = "PLAN")]
    pub output: Option<PathBuf>,
}

/// The greatest impact an operator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Allow {
    /// Look and change nothing.
    Observe,
    /// Put markers in and take them out.
    Write,
    /// Put load on the target.
    Load,
    /// Interrupt or destroy.
    Disrupt,
}

impl From<Allow> for probity_plan::Impact {
    fn from(allow: Allow) -> Self {
        match allow {
            Allow::Observe => Self::Observe,
            Allow::Write => Self::Write,
            Allow::Load => Self::Load,
            Allow::Disrupt => Self::Disrupt,
        }
    }
}

/// For people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For a terminal.
    Text,
    /// Markdown.
    Markdown,
    /// One self-contained page.
    Html,
    /// JSON.
    Json,
    /// JUnit XML, for build servers.
    Junit,
}

/// What `generate` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Generated {
    Bash,
    Zsh,
    Fish,
    Man,
}

/// A text that nobody can see narrows nothing.
fn challenge(text: &str) -> Result<String, String> {
    if text.chars().all(|c| c.is_whitespace() || probity_text::is_hidden(c)) {
        return Err("there is nothing to see in it: take the text that the reader gave".to_owned());
    }
    Ok(text.to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}
