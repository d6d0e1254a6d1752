//! `package`: asks each package manager that is there, and believes "not installed" only if all of them say so.

use probity_plan::kinds::package::Package;
use probity_plan::{Barrier, Blocked, Value};

use crate::look::{Context, Look, Seen};
use crate::program;

/// What one manager says of a package that it has.
#[derive(PartialEq)]
struct Installed {
    manager: &'static str,
    /// Whether it is there, rather than only its settings; unknown where its files are there and it was never set up.
    installed: Result<bool, Blocked>,
    status: String,
    version: String,
    architecture: String,
}

impl Look for Package {
    async fn look(&self, context: &Context<'_>) -> Seen {
        match see(self, context).await {
            Ok(seen) => seen,
            Err(blocked) => Seen::nothing(blocked),
        }
    }
}

async fn see(package: &Package, context: &Context<'_>) -> Result<Seen, Blocked> {
    let name = package.package.as_str();
    // What Debian and Fedora allow; anything else is a pattern or an option to their tools.
    if name.is_empty()
        || !name.chars().all(|c| c.is_ascii_alphanumeric() || "+-._:".contains(c))
        || name.starts_with('-')
    {
        return Err(Blocked::new(Barrier::Unsupported, format!("`{name}` is not a package's name")));
    }
    let asked = tokio::join!(dpkg(name, context), rpm(name, context));
    let mut seen = Seen::default();
    let found = match asked {
        (Ok(Some(found)), _) | (_, Ok(Some(found))) => found,
        (Err(blocked), Err(other))
            if blocked.barrier == Barrier::ToolMissing && other.barrier == Barrier::ToolMissing =>
        {
            return Err(Blocked::new(Barrier::ToolMissing, "neither dpkg-query nor rpm is there"));
        }
        (Err(blocked), _) | (_, Err(blocked)) if blocked.barrier != Barrier::ToolMissing => {
            return Err(blocked);
        }
        (dpkg, rpm) => {
            has_any(dpkg.is_ok(), rpm.is_ok(), context).await?;
            seen.know("installed", false);
            seen.block_rest(Blocked::new(Barrier::Unreachable, format!("{name} is not installed")));
            return Ok(seen);
        }
    };
    seen.settle("installed", found.installed.clone())
        .know("manager", found.manager)
        .know("version", found.version.as_str())
        .know("status", found.status.as_str())
        .know("architecture", found.architecture.as_str());
    if context.wants("changed") {
        let changed = changed_of_each(name, &found, context).await;
        let again = match found.manager {
            "dpkg" => dpkg(name, context).await,
            _ => rpm(name, context).await,
        };
        if again? != Some(found) {
            let why = format!("{name} became another one while its files were compared");
            return Err(Blocked::new(Barrier::Changed, why));
        }
        seen.settle("changed", changed);
    }
    Ok(seen)
}

/// That a manager which does not know the package knows any: one without a database knows of nothing.
async fn has_any(dpkg: bool, rpm: bool, context: &Context<'_>) -> Result<(), Blocked> {
    let lists: [(bool, &[&str]); 2] = [
        (dpkg, &["dpkg-query", "--show", "--showformat=."]),
        (rpm, &["rpm", "--query", "--all", "--queryformat", "."]),
    ];
    for (_, list) in lists.iter().filter(|(asked, _)| *asked) {
        if matches!(ask(list, context).await?, (0, stdout, _) if !stdout.trim().is_empty()) {
            return Ok(());
        }
    }
    let why = "the package manager lists no package at all: its database is empty or elsewhere";
    Err(Blocked::new(Barrier::Unsupported, why))
}

async fn dpkg(name: &str, context: &Context<'_>) -> Result<Option<Installed>, Blocked> {
    let format = "${Status}\\t${Version}\\t${Architecture}\\n";
    let (code, stdout, stderr) =
        ask(&["dpkg-query", "--show", &format!("--showformat={format}"), "--", name], context).await?;
    if code != 0 {
        // It says 1 for many things; in its own words (LC_ALL=C.UTF-8) there is this one for absence.
        if code == 1 && stderr.contains("no packages found matching") {
            return Ok(None);
        }
        return Err(Blocked::new(Barrier::Protocol, format!("dpkg-query: {}", stderr.trim())));
    }
    let mut rows = rows(&stdout, "dpkg-query")?;
    let installed = installed(rows.iter().map(|row| row[0]));
    // Where it is there for one architecture, what is left of it for another says nothing of it.
    if installed == Ok(true) {
        rows.retain(|row| !row[0].ends_with(" not-installed") && !row[0].ends_with(" config-files"));
    }
    // Known, for instance because another package recommends it, but never installed.
    if rows.iter().all(|row| row[0].ends_with(" not-installed")) {
        return Ok(None);
    }
    Ok(Some(Installed {
        manager: "dpkg",
        installed,
        status: join(&rows, 0),
        version: join(&rows, 1),
        architecture: join(&rows, 2),
    }))
}

async fn rpm(name: &str, context: &Context<'_>) -> Result<Option<Installed>, Blocked> {
    let format = "installed\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\t%{ARCH}\\n";
    let (code, stdout, stderr) =
        ask(&["rpm", "--query", "--queryformat", format, "--", name], context).await?;
    if code != 0 {
        // On standard output, where an answer would stand.
        if stdout.contains("is not installed") && stderr.trim().is_empty() {
            return Ok(None);
        }
        return Err(Blocked::new(Barrier::Protocol, format!("rpm: {}{}", stdout.trim(), stderr.trim())));
    }
    let rows = rows(&stdout, "rpm")?;
    Ok(Some(Installed {
        manager: "rpm",
        installed: Ok(true),
        status: "installed".to_owned(),
        version: join(&rows, 1),
        architecture: join(&rows, 2),
    }))
}

/// Whether dpkg has the package, of whatever architecture, by the states in its own words (dpkg(1)): what is wanted, whether it
/// has to be installed again, and how far it came.
fn installed<'a>(states: impl Iterator<Item = &'a str>) -> Result<bool, Blocked> {
    let mut between = None;
    for state in states {
        match state.split(' ').collect::<Vec<_>>().as_slice() {
            // What other packages were told of it is still to be done: it itself works (deb-triggers(5)).
            [_, "ok", "installed" | "triggers-awaited" | "triggers-pending"] => return Ok(true),
            [_, "ok", "not-installed" | "config-files"] => {}
            _ => between = Some(state.to_owned()),
        }
    }
    between.map_or(Ok(false), |state| {
        let why = format!("it is neither installed nor not: `{state}`");
        Err(Blocked::new(Barrier::Unsupported, why))
    })
}

/// Lines of three columns, at least one.
fn rows<'a>(stdout: &'a str, tool: &str) -> Result<Vec<[&'a str; 3]>, Blocked> {
    let wrong =
        |what: &str| Blocked::new(Barrier::Protocol, format!("{tool}: `{what}` is not what was asked for"));
    let rows = stdout
        .lines()
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            columns.try_into().map_err(|_| wrong(line))
        })
        .collect::<Result<Vec<[&str; 3]>, _>>()?;
    if rows.is_empty() { Err(wrong("")) } else { Ok(rows) }
}

/// The different values of a column.
fn join(rows: &[[&str; 3]], column: usize) -> String {
    let mut values: Vec<&str> = rows.iter().map(|row| row[column]).collect();
    values.dedup();
    values.join(", ")
}

/// The files that differ, of each architecture for which dpkg has the package: it takes the name alone for none of them.
async fn changed_of_each(
    name: &str,
    found: &Installed,
    context: &Context<'_>,
) -> Result<Vec<Value>, Blocked> {
    let architectures: Vec<&str> = found.architecture.split(", ").collect();
    if found.manager != "dpkg" || architectures.len() == 1 {
        return changed(name, found.manager, context).await;
    }
    let mut files = Vec::new();
    for architecture in architectures {
        for file in changed(&format!("{name}:{architecture}"), found.manager, context).await? {
            // Some are of all of them.
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    Ok(files)
}

/// The files that differ. Both tools print a line for each in rpm's form, `??5??????   c /etc/file` or `missing
/// /file`, and nothing for the others. `5` stands for the digest, `S` for the size, `L` for a link's target, `M`, `U` and `G`
/// for mode, owner and group, `?` for
/// what was not looked at; a file of which not even the digest was could not be read.
async fn changed(name: &str, manager: &str, context: &Context<'_>) -> Result<Vec<Value>, Blocked> {
    let blocked = |barrier, what: &str| Blocked::new(barrier, format!("{manager} --verify {name}: {what}"));
    if manager == "dpkg" {
        // Where it has no digests it compares nothing, and says nothing.
        let (code, digests, stderr) =
            ask(&["dpkg-query", "--control-path", name, "md5sums"], context).await?;
        if code != 0 && !stderr.trim().is_empty() {
            return Err(blocked(Barrier::Protocol, stderr.trim()));
        }
        if code != 0 || digests.trim().is_empty() {
            let why = "the package came without the digests of its files (md5sums)";
            return Err(blocked(Barrier::Unsupported, why));
        }
    }
    let (_, stdout, stderr) = ask(&[manager, "--verify", name], context).await?;
    let mut files = Vec::new();
    for line in stdout.lines() {
        let (marks, path) = line.split_once(" /").ok_or_else(|| blocked(Barrier::Protocol, line))?;
        if line.ends_with("(Permission denied)") || marks.as_bytes().get(2) == Some(&b'?') {
            return Err(blocked(Barrier::PermissionDenied, line));
        }
        if marks.starts_with("missing")
            || marks.get(..9).is_some_and(|marks| marks.contains(['5', 'S', 'L', 'M', 'U', 'G']))
        {
            files.push(Value::from(format!("/{path}")));
        }
    }
    if stdout.is_empty() && !stderr.trim().is_empty() {
        return Err(blocked(Barrier::Protocol, stderr.trim()));
    }
    Ok(files)
}

async fn ask(arguments: &[&str], context: &Context<'_>) -> Result<(i32, String, String), Blocked> {
    program::ask(arguments, &[], context).await
}
