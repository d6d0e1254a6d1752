//! `command`: runs the program and keeps what it said.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

use probity_plan::kinds::command::{Command, Program};
use probity_plan::{Barrier, Blocked, Text, Value};

use crate::json;
use crate::look::{Context, Look, Seen, at_least_ms, barrier_of, elapsed_ms};
use crate::plaintext::Syntax;
use crate::program::{self, Output};

impl Look for Command {
    async fn look(&self, context: &Context<'_>) -> Seen {
        match run(self, context).await {
            Ok(seen) => seen,
            Err(blocked) => Seen::nothing(blocked),
        }
    }
}

async fn run(command: &Command, context: &Context<'_>) -> Result<Seen, Blocked> {
    let filled = |text: &Text| Ok(context.expand(text, Syntax::Plain)?.reveal().to_owned());
    let arguments = match &command.command {
        Program::Arguments(list) => list.iter().map(filled).collect::<Result<Vec<_>, _>>()?,
        Program::Shell { shell } => vec!["/bin/sh".to_owned(), "-c".to_owned(), filled(shell)?],
    };
    let stdin = command.stdin.as_ref().map(filled).transpose()?;
    let env = command
        .env
        .iter()
        .map(|(name, text)| Ok((name.clone(), filled(text)?)))
        .collect::<Result<BTreeMap<_, _>, Blocked>>()?;
    let program = program::Program {
        arguments: &arguments,
        stdin: stdin.as_ref().map(String::as_bytes),
        env: &env,
        folder: None,
    };
    let mut seen = Seen::default();
    let ended = match program::run(&program, context.deadline()).await {
        Ok(ended) => ended,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let name = arguments.first().map_or("", String::as_str);
            let interpreter = program::missing_interpreter(&program);
            seen.know("found", interpreter.is_some());
            let why = interpreter.unwrap_or_else(|| format!("there is no program `{name}`"));
            seen.block_rest(Blocked::new(Barrier::ToolMissing, why));
            return Ok(seen);
        }
        Err(error) => {
            let name = arguments.first().map_or("", String::as_str);
            return Err(barrier_of(&format!("start {name}"), &error));
        }
    };
    let elapsed = context.began.elapsed();
    seen.know("found", true);
    match ended.status {
        Some(status) => {
            seen.know("elapsed_ms", elapsed_ms(elapsed));
            seen.know("signal", i64::from(status.signal().unwrap_or(0)));
            match status.code() {
                Some(code) => seen.know("exit_code", i64::from(code)),
                None => seen.block(
                    "exit_code",
                    Blocked::new(
                        Barrier::Aborted,
                        format!("ended by signal {}", status.signal().unwrap_or(0)),
                    ),
                ),
            };
        }
        None => {
            // It was still running: how long it takes is at least this; nothing else of it is known.
            seen.know("elapsed_ms", at_least_ms(elapsed));
            seen.block_rest(context.timed_out());
            return Ok(seen);
        }
    }
    seen.settle("stdout_bytes", all_of("standard output", &ended.stdout).map(|output| output.total))
        .settle("stderr_bytes", all_of("standard error", &ended.stderr).map(|output| output.total));
    let stdout = text_of("standard output", &ended.stdout);
    if context.wants("lines") {
        seen.settle("lines", stdout.clone().map(|text| text.lines().map(Value::from).collect::<Vec<_>>()));
    }
    if context.wants("json") {
        seen.settle("json", stdout.as_deref().map_err(Clone::clone).and_then(json::parse));
    }
    if context.wants("stdout") {
        seen.settle("stdout", stdout.map(without_end));
    }
    if context.wants("stderr") {
        seen.settle("stderr", text_of("standard error", &ended.stderr).map(without_end));
    }
    Ok(seen)
}

/// All of an output. What a child prints that goes on after the program's end nobody waits for.
fn all_of<'a>(what: &str, output: &'a Output) -> Result<&'a Output, Blocked> {
    if output.open {
        let why = format!(
            "a child that goes on after the program's end still holds {what} open; send its output elsewhere"
        );
        return Err(Blocked::new(Barrier::Unsupported, why));
    }
    Ok(output)
}

fn text_of(what: &str, output: &Output) -> Result<String, Blocked> {
    let output = all_of(what, output)?;
    if output.total > output.bytes.len() as u64 {
        return Err(Blocked::new(Barrier::TooLarge, format!("{what} has {} bytes", output.total)));
    }
    match std::str::from_utf8(&output.bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(Blocked::new(Barrier::Protocol, format!("{what} is not UTF-8"))),
    }
}

/// Without the last line's end.
fn without_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}
