//! The service's own log: where it goes, in which form, how much of it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use camera_config::{Log, LogFormat, LogLevel};
use parking_lot::Mutex;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

type Level = reload::Handle<LevelFilter, Registry>;

/// What can be changed while the service runs.
static LEVEL: OnceLock<Level> = OnceLock::new();
static OUTPUT: OnceLock<Output> = OnceLock::new();

/// Where lines go.
#[derive(Clone)]
struct Output {
    path: Option<PathBuf>,
    file: Arc<Mutex<Option<File>>>,
}

impl Output {
    fn open(&self) -> io::Result<()> {
        if let Some(path) = &self.path {
            *self.file.lock() = Some(OpenOptions::new().append(true).create(true).open(path)?);
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.file.lock() {
            Some(file) => file.write(bytes),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Output;
    fn make_writer(&'a self) -> Output {
        self.clone()
    }
}

/// Starts the log.
///
/// # Errors
/// Its file cannot be opened.
pub fn start(log: &Log) -> Result<(), String> {
    let output = Output { path: log.file.clone(), file: Arc::default() };
    output.open().map_err(|error| {
        let path = log.file.as_deref().unwrap_or(std::path::Path::new("-"));
        format!("the log {} cannot be opened: {error}", path.display())
    })?;
    let (level, handle) = reload::Layer::new(filter(log.level));
    let registry = tracing_subscriber::registry().with(level);
    let colours = log.file.is_none() && io::IsTerminal::is_terminal(&io::stderr());
    let layer = fmt::layer().with_target(false).with_ansi(colours).with_writer(output.clone());
    // A second start in one process (tests) keeps the first log.
    let _ = match log.format {
        LogFormat::Text => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    let _ = LEVEL.set(handle);
    let _ = OUTPUT.set(output);
    Ok(())
}

/// Another level from now on.
pub fn set_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get()
        && let Err(error) = handle.reload(filter(level))
    {
        tracing::error!(%error, "the log level stays as it was");
    }
}

/// Opens the log's file anew, after it was rotated away.
pub fn reopen() {
    if let Some(Err(error)) = OUTPUT.get().map(Output::open) {
        tracing::error!(%error, "the log goes on into the old file");
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
