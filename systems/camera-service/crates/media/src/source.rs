//! Where a camera's pictures come from, checked when it is read, and the arguments with which ffmpeg reads it.
//! Knows nothing of processes. An address may hold a password: only `arguments` and `Redactor` ever see it.

use std::fmt;
use std::net::SocketAddr;

use camera_address::{is_device, secrets, shown};
use url::Url;

use crate::{EngineError, relay};

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Resolution {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// Whether the source's own coding is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encode {
    /// Kept for RTSP, H.264 for everything else.
    #[default]
    Auto,
    /// Kept; costs next to nothing. Seconds begin where the camera sends a key frame.
    Copy,
    /// H.264 with a key frame a second.
    H264,
}

/// What is asked of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceOptions {
    /// Even numbers from 16 to 8192. Test sources: 640x360 unless given; others: as they come.
    pub resolution: Option<Resolution>,
    /// Pictures a second, 1 to 240. Test sources: 15 unless given; others: as they come.
    pub fps: Option<u32>,
    /// Whether to encode.
    pub encode: Encode,
}

/// A source that has been checked. `Display` and `Debug` show its address without password.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    address: Address,
    options: SourceOptions,
    /// Whether the operator wrote it, and not somebody who made a call.
    trusted: bool,
    /// Through which HTTP is asked.
    proxy: Option<SocketAddr>,
}

#[derive(Clone, PartialEq, Eq)]
enum Address {
    Test(Pattern),
    Rtsp(Url),
    Http(Url),
    Device(String),
}

/// A kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A moving picture made here.
    Test,
    /// A network camera.
    Rtsp,
    /// A network camera that sends MJPEG or another stream.
    Http,
    /// A device of this machine.
    V4l2,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pattern {
    Moving,
    Clock,
    Bars,
}

const PATTERNS: [(&str, Pattern); 3] =
    [("pattern", Pattern::Moving), ("clock", Pattern::Clock), ("bars", Pattern::Bars)];
const TEST_RESOLUTION: Resolution = Resolution { width: 640, height: 360 };
const TEST_FPS: u32 = 15;
/// What ffmpeg looks at, at most, to find out what a network camera sends: where that does not say it by itself, its next key frame does,
/// and some cameras send one in 30 s. In microseconds, and in bytes.
const ANALYSIS: [&str; 4] = ["-analyzeduration", "35000000", "-probesize", "64000000"];
/// Microseconds that a network source may be silent before ffmpeg gives up by itself.
const NETWORK_TIMEOUT: &str = "10000000";

impl Source {
    /// Reads `test:pattern`, `test:clock`, `test:bars`, `rtsp://`, `rtsps://`, `http://`, `https://` or a device ([`is_device`]).
    pub fn parse(address: &str, options: SourceOptions) -> Result<Self, EngineError> {
        let address = read_address(address)?;
        check_options(&address, options)?;
        Ok(Self { address, options, trusted: true, proxy: None })
    }

    /// The same, where it is not the operator's word but that of somebody who made a call: it may not be an address of this
    /// machine or its link.
    #[must_use]
    pub fn told_by_a_call(self) -> Self {
        Self { trusted: false, ..self }
    }

    pub(crate) fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// Where on the network it is; `None` for what is on this machine.
    pub(crate) fn host_and_port(&self) -> Option<(String, u16)> {
        host_and_port(self.url()?)
    }

    /// The same, read through a proxy or relay that listens there.
    pub(crate) fn through(&self, gate: SocketAddr) -> Self {
        let mut source = self.clone();
        match &mut source.address {
            Address::Http(_) => source.proxy = Some(gate),
            Address::Rtsp(url) => *url = relay::at(url, gate).unwrap_or_else(|| url.clone()),
            Address::Test(_) | Address::Device(_) => {}
        }
        source
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        match self.address {
            Address::Test(_) => SourceKind::Test,
            Address::Rtsp(_) => SourceKind::Rtsp,
            Address::Http(_) => SourceKind::Http,
            Address::Device(_) => SourceKind::V4l2,
        }
    }

    /// What was asked of it.
    #[must_use]
    pub fn options(&self) -> SourceOptions {
        self.options
    }

    /// Whether the source's own coding is kept.
    #[must_use]
    pub fn copies(&self) -> bool {
        match self.options.encode {
            Encode::Copy => true,
            Encode::H264 => false,
            Encode::Auto => matches!(self.address, Address::Rtsp(_)),
        }
    }

    /// Whether its pictures get their times from this machine's clock when they come. When that is set, they jump.
    pub(crate) fn is_timed_by_clock(&self) -> bool {
        matches!(&self.address, Address::Http(url) if !has_own_time(url))
    }

    /// The network camera's address, with its password, if there is one.
    pub(crate) fn url(&self) -> Option<&Url> {
        match &self.address {
            Address::Rtsp(url) | Address::Http(url) => Some(url),
            Address::Test(_) | Address::Device(_) => None,
        }
    }

    /// ffmpeg's arguments up to and including the coding. Holds the password, if there is one.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut list = Arguments::default();
        self.input(&mut list);
        list.add(&["-map", "0:v:0", "-an", "-sn", "-dn"]);
        if self.copies() {
            list.add(&["-c:v", "copy"]);
        } else {
            self.encoding(&mut list);
        }
        list.0
    }

    fn input(&self, list: &mut Arguments) {
        let SourceOptions { resolution, fps, .. } = self.options;
        match &self.address {
            Address::Test(pattern) => {
                let graph = pattern.graph(resolution.unwrap_or(TEST_RESOLUTION), fps.unwrap_or(TEST_FPS));
                list.add(&["-protocol_whitelist", "pipe", "-re", "-f", "lavfi", "-i", &graph]);
            }
            Address::Rtsp(url) => {
                list.add(&["-protocol_whitelist", "rtsp,rtsps,rtp,srtp,tcp,tls", "-rtsp_transport", "tcp"]);
                list.add(&ANALYSIS);
                // Nobody waits for the sound of a camera that only says that it has some.
                list.add(&["-allowed_media_types", "video"]);
                list.add(&["-timeout", NETWORK_TIMEOUT, "-i", url.as_str()]);
            }
            Address::Http(url) => {
                list.add(&["-protocol_whitelist", "http,https,httpproxy,tcp,tls,crypto"]);
                list.add(&["-rw_timeout", NETWORK_TIMEOUT]);
                if let Some(proxy) = self.proxy {
                    // Playlists hand it on to what they name.
                    list.add(&["-http_proxy", &format!("http://{proxy}")]);
                }
                if self.is_timed_by_clock() {
                    // Motion JPEG carries no times; without this, ffmpeg takes it for 25 pictures a second.
                    list.add(&["-use_wallclock_as_timestamps", "1"]);
                }
                list.add(&["-i", url.as_str()]);
            }
            Address::Device(path) => {
                list.add(&["-protocol_whitelist", "file", "-f", "v4l2"]);
                if let Some(fps) = fps {
                    list.add(&["-framerate", &fps.to_string()]);
                }
                if let Some(resolution) = resolution {
                    list.add(&["-video_size", &resolution.to_string()]);
                }
                list.add(&["-i", path]);
            }
        }
    }

    fn encoding(&self, list: &mut Arguments) {
        let SourceOptions { resolution, fps, .. } = self.options;
        match (&self.address, resolution) {
            (Address::Rtsp(_) | Address::Http(_), Some(Resolution { width, height })) => {
                list.add(&["-vf", &format!("scale={width}:{height}")]);
            }
            (Address::Test(_), _) => {}
            // H.264 with 4:2:0 needs even numbers.
            _ => list.add(&["-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2"]),
        }
        if let (Address::Rtsp(_) | Address::Http(_), Some(fps)) = (&self.address, fps) {
            list.add(&["-r", &fps.to_string()]);
        } else if self.is_timed_by_clock() {
            // Otherwise ffmpeg fills every gap with copies of a picture, be it the hours by which the clock was set.
            list.add(&["-fps_mode", "vfr"]);
        }
        if matches!(self.address, Address::Test(_)) {
            list.add(&["-threads", "1"]);
        }
        list.add(&["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"]);
        list.add(&["-pix_fmt", "yuv420p", "-force_key_frames", "expr:gte(t,n_forced*1)"]);
    }

    /// What takes this source's secrets out of texts.
    pub(crate) fn redactor(&self) -> Redactor {
        self.url().map(Redactor::of).unwrap_or_default()
    }

    /// The same, where it is read as `read`, which is then shown as what it stands for.
    pub(crate) fn redactor_of(&self, read: &Source) -> Redactor {
        let mut redactor = self.redactor();
        if let Some(url) = read.url() {
            redactor.0.insert(0, (url.to_string(), self.to_string()));
        }
        redactor
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Test(pattern) => {
                let name = PATTERNS.iter().find(|(_, p)| p == pattern).map_or("", |(name, _)| name);
                write!(f, "test:{name}")
            }
            Address::Rtsp(url) | Address::Http(url) => f.write_str(&shown(url)),
            Address::Device(path) => f.write_str(path),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self}, {:?})", self.options)
    }
}

/// The host and port of a network camera's address.
pub(crate) fn host_and_port(url: &Url) -> Option<(String, u16)> {
    let usual = match url.scheme() {
        "rtsps" => 322,
        "rtsp" => 554,
        "https" => 443,
        _ => 80,
    };
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some((host, url.port().unwrap_or(usual)))
}

/// Takes secrets out of what ffmpeg says. Its `Debug` shows none.
#[derive(Clone, Default)]
pub(crate) struct Redactor(Vec<(String, String)>);

impl Redactor {
    pub(crate) fn of(url: &Url) -> Self {
        let mut pairs = vec![(url.as_str().to_owned(), shown(url))];
        pairs.extend(secrets(url).into_iter().map(|secret| (secret, "***".to_owned())));
        Self(pairs)
    }

    pub(crate) fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (secret, shown)| text.replace(secret, shown))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

#[derive(Default)]
struct Arguments(Vec<String>);

impl Arguments {
    fn add(&mut self, arguments: &[&str]) {
        self.0.extend(arguments.iter().map(|&argument| argument.to_owned()));
    }
}

impl Pattern {
    /// A graph of ffmpeg's filters whose picture moves and counts the time.
    fn graph(self, resolution: Resolution, fps: u32) -> String {
        let Resolution { width, height } = resolution;
        let size = format!("size={resolution}:rate={fps}");
        match self {
            Self::Moving => format!("testsrc2={size}"),
            Self::Clock => format!("testsrc={size}"),
            Self::Bars => {
                let (w, h) = ((width / 4).max(8), (height / 4).max(8));
                format!(
                    "smptebars={size}[bars];testsrc2=size={w}x{h}:rate={fps}[clock];\
                     [bars][clock]overlay=x='mod(t*40,W-w)':y='(H-h)/3'[out0]"
                )
            }
        }
    }
}

fn read_address(text: &str) -> Result<Address, EngineError> {
    let invalid = |why: String| Err(EngineError::Invalid(why));
    if let Some(name) = text.strip_prefix("test:") {
        return match PATTERNS.iter().find(|(known, _)| *known == name) {
            Some((_, pattern)) => Ok(Address::Test(*pattern)),
            None => invalid(format!(
                "there is no test picture {name:?}; there are test:pattern, test:clock and test:bars"
            )),
        };
    }
    if is_device(text) {
        return Ok(Address::Device(text.to_owned()));
    }
    if text.starts_with("/dev/v") {
        return invalid(format!(
            "{text:?} is no V4L2 device; write it as /dev/video0, or as a name in /dev/v4l/by-id or /dev/v4l/by-path"
        ));
    }
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    if !matches!(scheme.as_str(), "rtsp" | "rtsps" | "http" | "https") {
        // The text is not shown: it might be an address with a password, written wrongly.
        return invalid(
            "a source is written as rtsp://, rtsps://, http://, https://, /dev/video0, or test:pattern"
                .to_owned(),
        );
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return invalid(format!("the {scheme} address of the source cannot be read: {error}")),
    };
    if url.host_str().is_none_or(str::is_empty) {
        return invalid(format!("the {scheme} address of the source names no host"));
    }
    Ok(if scheme.starts_with("rtsp") { Address::Rtsp(url) } else { Address::Http(url) })
}

fn check_options(address: &Address, options: SourceOptions) -> Result<(), EngineError> {
    let invalid = |why: &str| Err(EngineError::Invalid(why.to_owned()));
    if let Some(Resolution { width, height }) = options.resolution {
        let fits = |side: u32| (16..=8192).contains(&side) && side.is_multiple_of(2);
        if !fits(width) || !fits(height) {
            return invalid("a resolution is two even numbers from 16 to 8192, as 1280x720");
        }
    }
    if options.fps.is_some_and(|fps| !(1..=240).contains(&fps)) {
        return invalid("fps is a number from 1 to 240");
    }
    let copies = match options.encode {
        Encode::Copy => true,
        Encode::Auto => matches!(address, Address::Rtsp(_)),
        Encode::H264 => false,
    };
    match address {
        Address::Test(_) if copies => {
            invalid("a test source has no coding of its own to copy; leave `encode` out")
        }
        Address::Rtsp(_) | Address::Http(_)
            if copies && (options.resolution.is_some() || options.fps.is_some()) =>
        {
            invalid(
                "a network source that is copied comes as the camera sends it; for another resolution or fps write `encode: h264`",
            )
        }
        _ => Ok(()),
    }
}

/// Streams in containers carry times; what a camera sends under any other address is taken for Motion JPEG.
fn has_own_time(url: &Url) -> bool {
    let path = url.path().to_ascii_lowercase();
    [".m3u8", ".ts", ".mp4", ".m4s", ".mpd", ".flv", ".mkv", ".webm"]
        .iter()
        .any(|ending| path.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: SourceOptions = SourceOptions { resolution: None, fps: None, encode: Encode::Auto };

    fn refusal(address: &str, options: SourceOptions) -> String {
        match Source::parse(address, options) {
            Err(EngineError::Invalid(why)) => why,
            other => panic!("{address}: {other:?}"),
        }
    }

    #[test]
    fn sources_are_told_apart() {
        let kinds = [
            ("test:pattern", SourceKind::Test, false),
            ("rtsp://cam/1", SourceKind::Rtsp, true),
            ("rtsps://cam/1", SourceKind::Rtsp, true),
            ("https://cam/video", SourceKind::Http, false),
            ("/dev/video12", SourceKind::V4l2, false),
            ("/dev/v4l/by-id/usb-046d_C920-video-index0", SourceKind::V4l2, false),
        ];
        for (address, kind, copies) in kinds {
            let source = Source::parse(address, NONE).unwrap();
            assert_eq!(
                (source.kind(), source.copies(), source.to_string()),
                (kind, copies, address.to_owned())
            );
        }
    }

    #[test]
    fn a_wrong_source_is_refused_with_what_would_be_right_and_without_its_password() {
        for address in [
            "",
            "test:",
            "test:snow",
            "file:///etc/passwd",
            "/dev/sda",
            "/dev/video",
            "/dev/video0 -x",
            "-i",
            "concat:a|b",
        ] {
            let why = refusal(address, NONE);
            assert!(why.contains("test:pattern") || why.contains("/dev/video0"), "{address}: {why}");
        }
        for address in ["rtsp://", "http://", "rtsp://u:s3cret@:x/", "htp://u:s3cret@cam/"] {
            assert!(!refusal(address, NONE).contains("s3cret"), "{address}");
        }
    }

    #[test]
    fn options_that_cannot_be_are_refused() {
        let size = |width, height| SourceOptions { resolution: Some(Resolution { width, height }), ..NONE };
        for (width, height) in [(0, 0), (641, 480), (640, 481), (8194, 480), (14, 14)] {
            assert!(refusal("test:pattern", size(width, height)).contains("1280x720"));
        }
        for fps in [0, 241] {
            assert!(
                refusal("test:pattern", SourceOptions { fps: Some(fps), ..NONE }).contains("from 1 to 240")
            );
        }
        assert!(refusal("rtsp://cam/1", size(640, 480)).contains("encode: h264"));
        assert!(
            refusal("test:bars", SourceOptions { encode: Encode::Copy, ..NONE })
                .contains("leave `encode` out")
        );
        let encoded = SourceOptions { encode: Encode::H264, ..size(640, 480) };
        let arguments = Source::parse("rtsp://cam/1", encoded).unwrap().arguments();
        assert!(arguments.contains(&"scale=640:480".to_owned()) && arguments.contains(&"libx264".to_owned()));
    }

    #[test]
    fn a_password_is_in_the_arguments_and_nowhere_else() {
        let address = "rtsp://admin:p%40ss-w0rd@cam:554/1?token=t0ps3cret&channel=2";
        let source = Source::parse(address, NONE).unwrap();
        assert!(source.arguments().contains(&address.to_owned()), "one argument, as it was written");
        let redactor = source.redactor();
        let said = redactor.redact(&format!(
            "{address}: refused\nadmin:p@ss-w0rd t0ps3cret cam:554/1?token=t0ps3cret&channel=2 p%40ss-w0rd"
        ));
        for text in [source.to_string(), format!("{source:?}"), format!("{redactor:?}"), said] {
            assert!(
                !["p%40ss-w0rd", "p@ss-w0rd", "t0ps3cret"].iter().any(|secret| text.contains(secret)),
                "{text}"
            );
        }
        assert_eq!(source.to_string(), "rtsp://admin:***@cam:554/1?token=***&channel=***");
    }

    #[test]
    fn a_password_in_the_path_and_a_user_that_may_be_a_token_are_taken_out_of_what_ffmpeg_says() {
        for address in [
            "rtsp://cam:554/user=admin_password=S3cretPw_channel=1_stream=0.sdp?real_stream",
            "http://S3cretPw@cam/video",
        ] {
            let source = Source::parse(address, NONE).unwrap();
            let said = source.redactor().redact(&format!("{address}: 404; DESCRIBE with S3cretPw failed"));
            assert!(said.contains("***") && said.ends_with("with *** failed"), "{said}");
            for text in [said, source.to_string()] {
                assert!(!text.contains("S3cretPw"), "{text}");
            }
        }
    }

    #[test]
    fn what_an_address_says_never_becomes_an_argument_of_its_own() {
        let source = Source::parse("http://cam/video -f lavfi; rm -rf / $(id)", NONE).unwrap();
        let arguments = source.arguments();
        let holding: Vec<&String> =
            arguments.iter().filter(|a| a.contains("rm") || a.contains("lavfi")).collect();
        assert_eq!(holding, ["http://cam/video%20-f%20lavfi;%20rm%20-rf%20/%20$(id)"]);
        let whitelist = arguments.iter().position(|a| a == "-protocol_whitelist").unwrap();
        let input = arguments.iter().position(|a| a == "-i").unwrap();
        assert!(whitelist < input && !arguments[whitelist + 1].contains("file"));
    }
}
