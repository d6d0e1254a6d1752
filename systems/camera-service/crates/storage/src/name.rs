//! What a file may be called, and what the service calls the files it makes.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use std::{fmt, str::FromStr};

/// The name of a file in a library: 1 to 255 bytes, no `/`, no control characters, no dot at its start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

/// Why a text is not the name of a file here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or more than 255 bytes.
    #[error("a file's name has 1 to 255 bytes")]
    Length,
    /// A slash.
    #[error("a file's name has no `/`: it is a name in the folder, not a path")]
    Slash,
    /// A dot at its start; `.` and `..` too.
    #[error("a file's name does not start with a dot")]
    LeadingDot,
    /// NUL, a line's end, an escape and their like, or a character that turns the direction of writing.
    #[error("a file's name has no control characters")]
    Control,
}

/// Characters that make one name look like another: they set the direction of writing (Unicode UAX 9).
fn misleads(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
}

impl FromStr for FileName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > 255 {
            Err(NameError::Length)
        } else if text.contains('/') {
            Err(NameError::Slash)
        } else if text.starts_with('.') {
            Err(NameError::LeadingDot)
        } else if text.chars().any(|c| c.is_control() || misleads(c)) {
            Err(NameError::Control)
        } else {
            Ok(Self(text.into()))
        }
    }
}

impl FileName {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the service began this file, if the service named it (see [`recording_name`]); `None` for any other name.
    pub fn began(&self) -> Option<Timestamp> {
        self.parts().map(|(_, began)| began)
    }

    /// The camera in the name, if the service named it.
    pub fn camera(&self) -> Option<&str> {
        self.parts().map(|(camera, _)| camera)
    }

    /// `CAMERA_2026-01-31_23-59-59[_N].EXTENSION`.
    fn parts(&self) -> Option<(&str, Timestamp)> {
        let (stem, extension) = self.0.rsplit_once('.')?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if !(1..=8).contains(&extension.len()) || !extension.chars().all(plain) {
            return None;
        }
        let dated = match stem.rsplit_once('_') {
            Some((before, number))
                if number.parse::<u32>().is_ok_and(|n| n >= 2 && n.to_string() == number) =>
            {
                before
            }
            _ => stem,
        };
        const STAMP: usize = "2026-01-31_23-59-59".len();
        let (camera, stamp) = dated.split_at_checked(dated.len().checked_sub(STAMP)?)?;
        let camera = camera.strip_suffix('_')?;
        let is_camera = camera.len() <= 63
            && camera.starts_with(plain)
            && camera.chars().all(|c| plain(c) || c == '_' || c == '-');
        let shaped = stamp.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 | 13 | 16 => byte == b'-',
            10 => byte == b'_',
            _ => byte.is_ascii_digit(),
        });
        if !is_camera || !shaped {
            return None;
        }
        // Not by a format string: lists of 100,000 files are sorted by this.
        let number = |from: usize, to: usize| stamp[from..to].parse::<i8>().ok();
        let (month, day) = (number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let began = DateTime::new(stamp[..4].parse().ok()?, month, day, hour, minute, second, 0).ok()?;
        let began = began.to_zoned(TimeZone::UTC).ok()?;
        Some((camera, began.timestamp()))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for FileName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// `CAMERA_2026-01-31_23-59-59.mp4`, in UTC; `number` from 2 makes it `CAMERA_2026-01-31_23-59-59_2.mp4`, for a second one in the same second.
pub fn recording_name(
    camera: &str,
    began: Timestamp,
    extension: &str,
    number: u32,
) -> Result<FileName, NameError> {
    let stamp = began.strftime("%Y-%m-%d_%H-%M-%S");
    let suffix = if number < 2 { String::new() } else { format!("_{number}") };
    format!("{camera}_{stamp}{suffix}.{extension}").parse()
}
