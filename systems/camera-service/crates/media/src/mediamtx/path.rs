//! A camera as a path of MediaMTX's configuration. Its source reaches a command line there, so nothing that it holds may
//! become anything but what it is.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::MediaMtxOptions;
use crate::EngineError;
use crate::source::{Source, SourceKind};

/// What the folder's name begins with into which MediaMTX puts the files of a recording, until they get their names.
pub(crate) const FOLDER: &str = ".mediamtx_";
/// How long a source may take until MediaMTX gives up; it is then tried again. One that is encoded anew waits for the camera's next key
/// frame, and some send one in 30 s.
const OPEN_WITHIN: &str = "40s";
/// How long MediaMTX keeps a source open that nobody reads.
pub(super) const CLOSE_AFTER: Duration = Duration::from_secs(2);
/// How long a published source that was lost is to be left alone, so that asking for it starts its command at once. Up to
/// `CLOSE_AFTER` after the loss, MediaMTX (as of 1.20.1) holds whoever asks until it stops the command, and never answers them then
/// (#3455): it would be gone until ffmpeg gives up asking. It restarts the command itself 5 s after it ended, and so only
/// where nobody was reading yet.
const REOPENED_AFTER: Duration = CLOSE_AFTER.saturating_add(Duration::from_millis(500));
/// Without rotation by time. MediaMTX always rotates, and refuses a longer time.
const MAX_DURATION: Duration = Duration::from_secs(24 * 3600);

/// Whether and where to a path is recorded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Recording {
    pub(super) on: bool,
    /// MediaMTX's pattern, without ending.
    pattern: String,
    rotate_every: Duration,
}

impl Recording {
    /// Off, and as it will be most likely: MediaMTX changes `record` alone without a break in the stream, and makes a path
    /// anew for everything else.
    pub(super) fn off(name: &str, options: &MediaMtxOptions) -> Result<Self, EngineError> {
        let folder = options.recordings.as_deref().unwrap_or(Path::new("/var/lib/mediamtx"));
        Ok(Self { on: false, ..Self::on(name, folder, options.rotate_every)? })
    }

    /// Into files in a hidden folder in `folder`.
    pub(super) fn on(name: &str, folder: &Path, rotate_every: Option<Duration>) -> Result<Self, EngineError> {
        let shown = folder.display();
        let folder = folder.to_str().filter(|folder| !folder.contains('%'));
        let Some(folder) = folder.filter(|folder| folder.starts_with('/')) else {
            return Err(EngineError::Invalid(format!(
                "MediaMTX cannot record into {shown}: the folder is to be a whole path in UTF-8 without '%'"
            )));
        };
        Ok(Self {
            on: true,
            // Each element has a use: MediaMTX may want them all for its own playback server.
            pattern: format!("{folder}/{FOLDER}{name}/%path_%s-%f"),
            rotate_every: rotate_every.map_or(MAX_DURATION, |every| every.min(MAX_DURATION)),
        })
    }
}

/// The address of a source that MediaMTX opens itself; others are published to it by an ffmpeg that it runs.
pub(super) fn opened_by_mediamtx(source: &Source) -> Option<&Url> {
    source.url().filter(|_| source.kind() == SourceKind::Rtsp && source.copies())
}

/// How long to wait before a source is read again that could not be read on, where it would be `wait` for its failures.
pub(super) fn wait_before_reading(source: &Source, wait: Duration) -> Duration {
    match opened_by_mediamtx(source) {
        Some(_) => wait,
        None => wait.max(REOPENED_AFTER),
    }
}

/// The whole configuration of a camera's path.
pub(super) fn configuration(
    name: &str,
    source: &Source,
    options: &MediaMtxOptions,
    recording: &Recording,
) -> Value {
    let close_after = format!("{}s", CLOSE_AFTER.as_secs());
    let mut path = match opened_by_mediamtx(source) {
        Some(url) => json!({
            "source": url.as_str(),
            "sourceOnDemand": true,
            "sourceOnDemandStartTimeout": OPEN_WITHIN,
            "sourceOnDemandCloseAfter": close_after,
            "rtspTransport": "tcp",
            "runOnDemand": "",
        }),
        None => json!({
            "source": "publisher",
            "sourceOnDemand": false,
            "runOnDemand": publish(name, source, options),
            // Before its first picture; what happens after, see `REOPENED_AFTER`.
            "runOnDemandRestart": true,
            "runOnDemandStartTimeout": OPEN_WITHIN,
            "runOnDemandCloseAfter": close_after,
        }),
    };
    for (key, value) in [
        ("record", json!(recording.on)),
        ("recordPath", json!(recording.pattern)),
        ("recordFormat", json!("fmp4")),
        ("recordPartDuration", json!("500ms")),
        ("recordSegmentDuration", json!(format!("{}ms", recording.rotate_every.as_millis()))),
        // What is kept for how long, the service decides.
        ("recordDeleteAfter", json!("0s")),
    ] {
        path[key] = value;
    }
    path
}

/// The command with which MediaMTX has a source published on its own RTSP server.
fn publish(name: &str, source: &Source, options: &MediaMtxOptions) -> String {
    let start = ["-nostdin", "-hide_banner", "-loglevel", "warning"].map(str::to_owned);
    let end = ["-f", "rtsp", "-rtsp_transport", "tcp"].map(str::to_owned);
    let program = options.ffmpeg.display().to_string();
    let words: Vec<String> = std::iter::once(program)
        .chain(start)
        .chain(source.arguments())
        .chain(end)
        .map(|w| quoted(&w))
        .collect();
    // MediaMTX puts its own port in. A name needs no quotes, and what stands before '@' is percent-encoded.
    format!("{} rtsp://{}127.0.0.1:$RTSP_PORT/{name}", words.join(" "), credentials(options))
}

/// `user:password@`, with nothing in it that means something in a URL, a shell or to MediaMTX.
fn credentials(options: &MediaMtxOptions) -> String {
    let Some(user) = &options.user else { return String::new() };
    let plain = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    format!("{}:{}@", plain(user), plain(options.password.as_deref().unwrap_or_default()))
}

/// One word, whatever is in it. MediaMTX replaces `$NAME` (before or after it splits, by version) and splits as a shell
/// does, but runs none. Only an address can hold a '$', where %24 means the same.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('$', "%24").replace('\'', r"'\''"))
}

/// The address of a camera's stream on MediaMTX's RTSP server, as this service reads it.
pub(super) fn reading(name: &str, options: &MediaMtxOptions) -> Result<Url, EngineError> {
    let invalid = |why: String| EngineError::Invalid(format!("the address of MediaMTX's RTSP server {why}"));
    let server = options.rtsp.trim_end_matches('/');
    let mut url =
        Url::parse(&format!("{server}/{name}")).map_err(|e| invalid(format!("cannot be read: {e}")))?;
    if !matches!(url.scheme(), "rtsp" | "rtsps") || url.host_str().is_none_or(str::is_empty) {
        return Err(invalid("is written as rtsp://HOST:PORT".to_owned()));
    }
    if let Some(user) = &options.user {
        let password = options.password.as_deref();
        url.set_username(user)
            .and_then(|()| url.set_password(password))
            .map_err(|()| invalid("takes no user".to_owned()))?;
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Encode, SourceOptions};

    const NONE: SourceOptions = SourceOptions { resolution: None, fps: None, encode: Encode::Auto };

    fn options() -> MediaMtxOptions {
        MediaMtxOptions { ffmpeg: "/opt/it's here/ffmpeg".into(), ..MediaMtxOptions::default() }
    }

    fn configured(address: &str, encode: Encode) -> Value {
        let source = Source::parse(address, SourceOptions { encode, ..NONE }).unwrap();
        let recording = Recording::off("yard", &options()).unwrap();
        configuration("yard", &source, &options(), &recording)
    }

    /// What a real shell makes of the command; it splits as MediaMTX does, and would also do what MediaMTX does not.
    fn words(command: &str) -> Vec<String> {
        let script = format!("printf '%s\\0' {command}");
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", &script])
            .env("RTSP_PORT", "8554")
            .output()
            .unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.trim_end_matches('\0').split('\0').map(str::to_owned).collect()
    }

    #[test]
    fn a_hostile_address_stays_one_word_of_the_command() {
        for address in [
            "http://cam/';touch${IFS}/tmp/x;'",
            "http://cam/$(id)`id`$HOME\"'\\'\\",
            "http://u'ser:$RTSP_PORT@cam/a b?x='&y=|z>/etc/passwd#\n-f lavfi",
            "rtsp://cam/${MTX_PATH}'\"$$",
        ] {
            let path = configured(address, Encode::H264);
            assert_eq!(path["source"], "publisher");
            let command = path["runOnDemand"].as_str().unwrap();
            let source = Source::parse(address, SourceOptions { encode: Encode::H264, ..NONE }).unwrap();
            let mut expected = ["/opt/it's here/ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning"]
                .map(str::to_owned)
                .to_vec();
            expected.extend(source.arguments().iter().map(|word| word.replace('$', "%24")));
            expected.extend(
                ["-f", "rtsp", "-rtsp_transport", "tcp", "rtsp://127.0.0.1:8554/yard"].map(str::to_owned),
            );
            assert_eq!(words(command), expected, "{command}");
            assert_eq!(command.matches('$').count(), 1, "{command}");
        }
    }

    #[test]
    fn an_rtsp_camera_is_read_by_mediamtx_itself() {
        let path = configured("rtsp://admin:p@cam/1?$x", Encode::Auto);
        assert_eq!(path["source"], "rtsp://admin:p@cam/1?$x");
        assert_eq!((&path["sourceOnDemand"], &path["runOnDemand"]), (&json!(true), &json!("")));
    }

    #[test]
    fn a_published_source_is_asked_for_again_only_after_mediamtx_has_closed_it() {
        let soon = Duration::from_millis(100);
        for (address, encode, expected) in [
            ("test:bars", Encode::Auto, Duration::from_millis(2500)),
            ("rtsp://cam/1", Encode::H264, Duration::from_millis(2500)),
            ("rtsp://cam/1", Encode::Auto, soon),
        ] {
            let source = Source::parse(address, SourceOptions { encode, ..NONE }).unwrap();
            assert_eq!(wait_before_reading(&source, soon), expected, "{address} {encode:?}");
            let long = Duration::from_secs(30);
            assert_eq!(wait_before_reading(&source, long), long);
        }
    }

    #[test]
    fn a_password_cannot_leave_its_place() {
        let options = MediaMtxOptions {
            user: Some("us@er".to_owned()),
            password: Some("p'$HOME /:@%".to_owned()),
            ..options()
        };
        let source = Source::parse("test:bars", NONE).unwrap();
        let command = publish("yard", &source, &options);
        let last = words(&command).pop().unwrap();
        assert_eq!(last, "rtsp://us%40er:p%27%24HOME%20%2F%3A%40%25@127.0.0.1:8554/yard");
        let url = reading("yard", &options).unwrap();
        assert_eq!(url.host_str(), Some("127.0.0.1"));
        assert!(!format!("{options:?}").contains("HOME"), "{options:?}");
    }

    #[test]
    fn a_folder_whose_name_means_something_to_mediamtx_is_refused() {
        for folder in ["/srv/%Y", "recordings"] {
            assert!(matches!(Recording::on("yard", Path::new(folder), None), Err(EngineError::Invalid(_))));
        }
        let recording = Recording::on("yard", Path::new("/srv"), Some(Duration::from_millis(1500))).unwrap();
        let source = Source::parse("test:bars", NONE).unwrap();
        let path = configuration("yard", &source, &options(), &recording);
        assert_eq!(path["recordPath"], "/srv/.mediamtx_yard/%path_%s-%f");
        assert_eq!((&path["record"], &path["recordSegmentDuration"]), (&json!(true), &json!("1500ms")));
    }
}
