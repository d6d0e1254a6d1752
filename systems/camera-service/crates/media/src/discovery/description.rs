//! What `v4l2-ctl --all --list-formats-ext` says of a device (v4l-utils, `utils/v4l2-ctl/v4l2-ctl-vidcap.cpp` and
//! `utils/common/v4l2-info.cpp`), of this decade and the last. Any text is read without complaint: what it does not
//! say is not known.

use crate::source::Resolution;

/// What a device can do. `None` is "not known".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Capabilities {
    /// Its driver.
    pub driver: Option<String>,
    /// Its name.
    pub card: Option<String>,
    /// Where it is plugged in.
    pub bus: Option<String>,
    /// Whether this node gives pictures; false for the metadata node of a UVC camera, for encoders and outputs.
    pub captures: Option<bool>,
    /// What it gives.
    pub formats: Option<Vec<PixelFormat>>,
}

/// A coding of pictures that a device offers.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelFormat {
    /// Four characters, as `MJPG`.
    pub code: String,
    /// Its name.
    pub name: Option<String>,
    /// In which sizes.
    pub sizes: Vec<FrameSizes>,
}

/// Sizes of pictures, and how many a second.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameSizes {
    /// The smallest, or the only one.
    pub least: Resolution,
    /// The largest, or the only one.
    pub most: Resolution,
    /// Pictures a second that are offered; for a range, its ends. Empty if the device does not say.
    pub fps: Vec<f64>,
}

impl Capabilities {
    /// All sizes that are offered one by one, largest first.
    #[must_use]
    pub fn resolutions(&self) -> Vec<Resolution> {
        let sizes = self.formats.iter().flatten().flat_map(|format| &format.sizes);
        let mut found: Vec<Resolution> =
            sizes.filter(|size| size.least == size.most).map(|size| size.most).collect();
        found.sort_by_key(|r| std::cmp::Reverse((u64::from(r.width) * u64::from(r.height), r.width)));
        found.dedup();
        found
    }

    /// All picture rates that are offered, fastest first.
    #[must_use]
    pub fn fps_options(&self) -> Vec<f64> {
        let sizes = self.formats.iter().flatten().flat_map(|format| &format.sizes);
        let mut found: Vec<f64> = sizes.flat_map(|size| size.fps.iter().copied()).collect();
        found.sort_by(|a, b| b.total_cmp(a));
        found.dedup();
        found
    }
}

/// Reads the output of `v4l2-ctl --all --list-formats-ext`.
#[must_use]
pub fn parse_description(text: &str) -> Capabilities {
    let mut found = Capabilities::default();
    let (mut general, mut own) = (None, None);
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("ioctl: VIDIOC_ENUM_FMT") {
            found.formats = Some(parse_formats(&mut lines));
            continue;
        }
        let Some((key, value)) = line.split_once(':') else { continue };
        // What follows about the media controller repeats these keys; the first are the node's own.
        let slot = match key.trim() {
            "Driver name" => &mut found.driver,
            "Card type" => &mut found.card,
            "Bus info" => &mut found.bus,
            "Capabilities" if general.is_none() => {
                general = Some(captures_below(depth(line), &mut lines));
                continue;
            }
            "Device Caps" if own.is_none() => {
                own = Some(captures_below(depth(line), &mut lines));
                continue;
            }
            _ => continue,
        };
        if slot.is_none() && !value.trim().is_empty() {
            *slot = Some(value.trim().to_owned());
        }
    }
    // `Capabilities` are those of the whole physical device; older kernels say nothing else.
    found.captures = own.or(general);
    found
}

/// Whether one of the capabilities listed below a line, and deeper than it, is to give pictures.
fn captures_below<'a>(above: usize, lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> bool {
    let mut captures = false;
    while let Some(line) = lines.next_if(|line| depth(line) > above && !line.trim().is_empty()) {
        captures |= matches!(line.trim(), "Video Capture" | "Video Capture Multiplanar");
    }
    captures
}

fn parse_formats<'a>(lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Vec<PixelFormat> {
    let mut formats: Vec<PixelFormat> = Vec::new();
    let mut pictures = true;
    // The list ends where something begins that is not indented.
    while let Some(line) = lines.next_if(|line| line.trim().is_empty() || depth(line) > 0) {
        let line = line.trim();
        let (key, value) = line.split_once(':').map_or((line, ""), |(key, value)| (key.trim(), value.trim()));
        match key {
            "Type" => pictures = value.starts_with("Video Capture"),
            "Name" => {
                if let Some(format) = formats.last_mut().filter(|_| pictures) {
                    format.name = Some(value.to_owned());
                }
            }
            "Pixel Format" if pictures => formats.extend(parse_format(value)),
            _ if key.starts_with('[') && pictures => formats.extend(parse_format(value)),
            "Size" => {
                if let Some(format) = formats.last_mut().filter(|_| pictures) {
                    format.sizes.extend(parse_sizes(value));
                }
            }
            "Interval" => {
                if let Some(size) = formats.last_mut().filter(|_| pictures).and_then(|f| f.sizes.last_mut()) {
                    size.fps.extend(parse_fps(value));
                }
            }
            _ => {}
        }
    }
    formats
}

/// `'MJPG' (Motion-JPEG, compressed)`; of the last decade `'MJPG' (compressed)`, with the name in another line.
fn parse_format(text: &str) -> Option<PixelFormat> {
    let (code, rest) = text.strip_prefix('\'')?.split_once('\'')?;
    let name = rest.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let name = name.map(|name| name.trim_end_matches(", compressed")).filter(|name| *name != "compressed");
    Some(PixelFormat { code: code.trim().to_owned(), name: name.map(str::to_owned), sizes: Vec::new() })
}

/// `Discrete 640x480`, or `Stepwise 32x32 - 2592x1944 with step 2/2`, or `Continuous 32x32 - 2592x1944`.
fn parse_sizes(text: &str) -> Option<FrameSizes> {
    let mut words = text.split_whitespace();
    let kind = words.next()?;
    let least = parse_resolution(words.next()?)?;
    let most = match kind {
        "Discrete" => least,
        _ => parse_resolution(words.nth(1)?)?,
    };
    Some(FrameSizes { least, most, fps: Vec::new() })
}

fn parse_resolution(text: &str) -> Option<Resolution> {
    let (width, height) = text.split_once('x')?;
    Some(Resolution { width: width.parse().ok()?, height: height.parse().ok()? })
}

/// `Discrete 0.033s (30.000 fps)`, or `Continuous 0.011s - 1.000s (1.000-90.000 fps)`.
fn parse_fps(text: &str) -> Vec<f64> {
    let inside =
        text.split_once('(').and_then(|(_, rest)| rest.split_once(" fps")).map_or("", |(inside, _)| inside);
    inside.split('-').filter_map(|number| number.trim().parse().ok()).collect()
}

/// Columns before the text; a tab is eight.
fn depth(line: &str) -> usize {
    line.chars().take_while(|c| c.is_whitespace()).map(|c| if c == '\t' { 8 } else { 1 }).sum()
}
