//! A camera's name, source and picture size. A source may hold a password: printing it never shows that.

use crate::text::text_type;
use std::{fmt, str::FromStr};

/// A camera's name: a lower-case letter or digit, then up to 62 of `a-z`, `0-9`, `_`, `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CameraName(String);

impl CameraName {
    /// How long it may be, in bytes.
    pub const MAX: usize = 63;

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CameraName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if text.len() <= Self::MAX
            && text.starts_with(plain)
            && text.chars().all(|c| plain(c) || c == '_' || c == '-')
        {
            return Ok(Self(text.into()));
        }
        Err("a camera's name is 1 to 63 of a-z, 0-9, `_` and `-`, and starts with a letter or digit, such as front-door".into())
    }
}

impl fmt::Display for CameraName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(CameraName, "a camera's name such as \"front-door\"");

/// Where a camera's picture comes from. `Display`, `Debug` and serialisation show it as [`camera_address::shown`] does.
#[derive(Clone, PartialEq, Eq)]
pub struct Source(String);

impl Source {
    /// The source with its password, for whoever opens it. Not for logs, replies or error messages.
    pub fn clear(&self) -> &str {
        &self.0
    }
}

impl FromStr for Source {
    type Err = String;
    /// No error repeats the text: it may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let source = Ok(Self(text.into()));
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) || text.len() > 2048 {
            return Err(
                "a camera's source has at most 2048 bytes and no blanks (in a URL, a blank is %20)".into()
            );
        }
        if let Some(pattern) = text.strip_prefix("test:") {
            let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if pattern.is_empty() || pattern.len() > 32 || !pattern.chars().all(named) {
                return Err("a test source is `test:` and the name of a pattern, such as test:pattern".into());
            }
            return source;
        }
        if text.starts_with('/') {
            if camera_address::is_device(text) {
                return source;
            }
            return Err("a device is /dev/video and its number, such as /dev/video0, or a name in /dev/v4l/by-id or /dev/v4l/by-path".into());
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("rtsp" | "rtsps" | "http" | "https")) {
            return Err(
                "a camera's source is one of rtsp(s)://HOST/PATH, http(s)://HOST/PATH, /dev/videoN, /dev/v4l/by-id/NAME, test:pattern"
                    .into(),
            );
        }
        match url::Url::parse(text) {
            Ok(url) if url.has_host() => source,
            Ok(_) => Err("this source names no host: write rtsp://HOST/PATH".into()),
            Err(error) => Err(format!(
                "this source is not an address ({error}); in a user name or password `/` is written %2F, `?` %3F, `#` %23, `@` %40, `%` %25"
            )),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.contains("://") {
            return f.write_str(&self.0);
        }
        let Ok(url) = url::Url::parse(&self.0) else { return f.write_str("***") };
        f.write_str(&camera_address::shown(&url))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

text_type!(Source, "a camera's source such as \"rtsp://192.168.1.20/stream1\"");

/// Width and height of a picture in pixels, each even and from 16 to 8192, written `1280x720`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl FromStr for Resolution {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| text.parse::<u32>().ok().filter(|n| (16..=8192).contains(n) && n % 2 == 0);
        match text.split_once('x').map(|(width, height)| (side(width), side(height))) {
            Some((Some(width), Some(height))) => Ok(Self { width, height }),
            _ => Err(format!(
                "`{text}` is not a resolution: write width and height, even and from 16 to 8192, such as 1280x720"
            )),
        }
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

text_type!(Resolution, "a resolution such as \"1280x720\"");
