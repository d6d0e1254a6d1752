//! A fragmented MP4 as it comes out of ffmpeg, cut into its beginning and its fragments; what they hold is read with
//! mp4-atom. Knows nothing of processes or files. Whatever the bytes are, sizes are capped and nothing panics.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mp4_atom::{Atom, Codec, Decode, DecodeMaybe, Encode, Header, Moof, Moov, Traf};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::source::Resolution;

/// No box of a sane stream is larger: a fragment is a second.
const MAX_BOX: usize = 32 << 20;
/// Seconds that one sample lasts at most: no camera's pictures are rarer.
const MAX_SAMPLE: u64 = 60;
/// Samples in one fragment.
const MAX_SAMPLES: usize = 100_000;

/// Why a stream cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    #[error("the stream cannot be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("what came is no MP4: {0}")]
    Format(#[from] mp4_atom::Error),
    #[error("what came is no fragmented MP4: {0}")]
    Order(&'static str),
    #[error("a part of {0} bytes is larger than a second of video can be")]
    Size(usize),
}

/// The beginning of a stream: `ftyp` and `moov`, and what they say.
#[derive(Debug, PartialEq)]
pub(crate) struct Init {
    pub(crate) bytes: Bytes,
    /// Units of media time in a second.
    pub(crate) timescale: u32,
    pub(crate) resolution: Option<Resolution>,
    /// In the words of RFC 6381.
    pub(crate) codec: Option<String>,
    default_sample_duration: u32,
    default_sample_flags: u32,
}

/// One `moof` with its `mdat`.
#[derive(Debug, PartialEq)]
pub(crate) struct Fragment {
    pub(crate) bytes: Bytes,
    /// Length of the `moof` at the front of `bytes`.
    moof_len: usize,
    /// Whether its first picture can be decoded by itself.
    pub(crate) keyframe: bool,
    /// When its first picture is decoded, in units of media time.
    pub(crate) decode_time: u64,
    /// In units of media time.
    pub(crate) units: u64,
    pub(crate) duration: Duration,
    pub(crate) samples: usize,
    /// A picture in it is said to last longer than any does, which is not counted.
    pub(crate) jumps: bool,
}

/// Reads a stream part by part.
pub(crate) struct Parts<R> {
    reader: R,
    init: Option<Arc<Init>>,
}

/// What comes next in a stream.
pub(crate) enum Part {
    Init(Arc<Init>),
    Fragment(Fragment),
}

impl<R: AsyncRead + Unpin> Parts<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, init: None }
    }

    /// The next part; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Part>, StreamError> {
        let mut bytes = BytesMut::new();
        let mut moof_len = 0;
        loop {
            let begin = bytes.len();
            let Some(header) = self.header(&mut bytes).await? else {
                // An end in the middle of a fragment loses that fragment, nothing else.
                return Ok(None);
            };
            let size = header.size.ok_or(StreamError::Order("a box without size"))?;
            if size > MAX_BOX {
                return Err(StreamError::Size(size));
            }
            if !fill(&mut self.reader, &mut bytes, size).await? {
                return Ok(None);
            }
            match (&header.kind.as_ref()[..], &self.init) {
                (b"ftyp", None) if begin == 0 => {}
                (b"moov", None) if begin > 0 => {
                    let init = Arc::new(Init::read(bytes.freeze(), begin)?);
                    self.init = Some(Arc::clone(&init));
                    return Ok(Some(Part::Init(init)));
                }
                (b"moof", Some(_)) if moof_len == 0 => moof_len = bytes.len(),
                (b"mdat", Some(init)) if moof_len > 0 => {
                    return Ok(Some(Part::Fragment(Fragment::read(bytes.freeze(), moof_len, init)?)));
                }
                // `styp`, `sidx`, `prft`, `mfra` ...: allowed anywhere between, and of no use here.
                (b"moov" | b"moof" | b"mdat" | b"ftyp", _) => {
                    return Err(StreamError::Order(
                        "its boxes come in another order than ftyp, moov, moof, mdat",
                    ));
                }
                _ if begin == 0 && self.init.is_none() => {
                    return Err(StreamError::Order("it does not begin with ftyp"));
                }
                _ => bytes.truncate(begin),
            }
        }
    }

    async fn header(&mut self, bytes: &mut BytesMut) -> Result<Option<Header>, StreamError> {
        let begin = bytes.len();
        // A second half follows where the size needs 64 bits.
        for half in [8, 8] {
            if !fill(&mut self.reader, bytes, half).await? {
                return Ok(None);
            }
            if let Some(header) = Header::decode_maybe(&mut &bytes[begin..])? {
                return Ok(Some(header));
            }
        }
        Ok(None)
    }
}

/// Reads `count` bytes more; false at the end of the stream.
async fn fill<R: AsyncRead + Unpin>(
    reader: &mut R,
    bytes: &mut BytesMut,
    count: usize,
) -> std::io::Result<bool> {
    bytes.reserve(count);
    let mut part = reader.take(count as u64);
    while part.limit() > 0 {
        if part.read_buf(bytes).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Init {
    fn read(bytes: Bytes, moov_at: usize) -> Result<Self, StreamError> {
        let moov = Moov::decode(&mut &bytes[moov_at..])?;
        let track = moov.trak.first().ok_or(StreamError::Order("it has no track"))?;
        let timescale = track.mdia.mdhd.timescale;
        if timescale == 0 {
            return Err(StreamError::Order("its time has no unit"));
        }
        let trex = moov.mvex.as_ref().and_then(|mvex| mvex.trex.first());
        let codec = track.mdia.minf.stbl.stsd.codecs.first();
        let resolution = codec
            .and_then(Codec::visual)
            .map(|visual| Resolution { width: visual.width.into(), height: visual.height.into() });
        Ok(Self {
            timescale,
            resolution,
            codec: codec.and_then(codec_name),
            default_sample_duration: trex.map_or(0, |trex| trex.default_sample_duration),
            default_sample_flags: trex.map_or(0, |trex| trex.default_sample_flags),
            bytes,
        })
    }

    /// Units of media time as a duration.
    pub(crate) fn duration(&self, units: u64) -> Duration {
        Duration::from_secs_f64(units as f64 / f64::from(self.timescale))
    }
}

impl Fragment {
    fn read(bytes: Bytes, moof_len: usize, init: &Init) -> Result<Self, StreamError> {
        let moof = Moof::decode(&mut &bytes[..moof_len])?;
        let track = moof.traf.first().ok_or(StreamError::Order("a fragment without track"))?;
        let samples: usize = track.trun.iter().map(|run| run.samples.len()).sum();
        if samples == 0 || samples > MAX_SAMPLES {
            return Err(StreamError::Order("a fragment with no pictures, or with absurdly many"));
        }
        let units = units(track, init.default_sample_duration, init.timescale);
        let first = track.trun.iter().find_map(|run| run.samples.get(0));
        let flags = first
            .and_then(|sample| sample.flags)
            .or(track.tfhd.default_sample_flags)
            .unwrap_or(init.default_sample_flags);
        Ok(Self {
            moof_len,
            // sample_is_non_sync_sample, ISO/IEC 14496-12, 8.8.3.1.
            keyframe: flags & 0x0001_0000 == 0,
            decode_time: track.tfdt.as_ref().map_or(0, |tfdt| tfdt.base_media_decode_time),
            units,
            duration: init.duration(units),
            samples,
            jumps: jumps(track, init.default_sample_duration, init.timescale),
            bytes,
        })
    }

    /// Pictures a second.
    pub(crate) fn fps(&self) -> Option<f64> {
        let seconds = self.duration.as_secs_f64();
        (seconds > 0.0).then(|| self.samples as f64 / seconds)
    }

    /// The fragment's `moof` as it is in a file whose first picture's decode time is `origin`, and its `mdat`.
    pub(crate) fn moved(&self, origin: u64, sequence: u32) -> Result<(Vec<u8>, Bytes), StreamError> {
        let mut moof = Moof::decode(&mut &self.bytes[..self.moof_len])?;
        moof.mfhd.sequence_number = sequence;
        for tfdt in moof.traf.iter_mut().filter_map(|track| track.tfdt.as_mut()) {
            tfdt.base_media_decode_time = tfdt.base_media_decode_time.saturating_sub(origin);
        }
        let mut bytes = Vec::with_capacity(self.moof_len + 16);
        moof.encode(&mut bytes)?;
        // Samples are addressed from the beginning of the `moof`, whose length may have changed.
        let grown = bytes.len() as i64 - self.moof_len as i64;
        if grown != 0 {
            for offset in
                moof.traf.iter_mut().flat_map(|t| &mut t.trun).filter_map(|run| run.data_offset.as_mut())
            {
                *offset = i32::try_from(i64::from(*offset) + grown)
                    .map_err(|_| StreamError::Order("a fragment whose pictures lie outside of it"))?;
            }
            bytes.clear();
            moof.encode(&mut bytes)?;
        }
        Ok((bytes, self.bytes.slice(self.moof_len..)))
    }
}

/// Length of the part of a track that is in a fragment, in units of its media time, of which a second has `timescale`. A
/// longer sample than there can be counts as none: it is a jump of the camera's clock, and one back is written as 2^32 less
/// a little.
pub(crate) fn units(part: &Traf, default_sample_duration: u32, timescale: u32) -> u64 {
    lasting(part, default_sample_duration).filter(|duration| is_a_length(*duration, timescale)).sum()
}

/// Whether a sample in it is longer than there can be.
pub(crate) fn jumps(part: &Traf, default_sample_duration: u32, timescale: u32) -> bool {
    lasting(part, default_sample_duration).any(|duration| !is_a_length(duration, timescale))
}

/// How long each sample lasts.
fn lasting(part: &Traf, default_sample_duration: u32) -> impl Iterator<Item = u64> {
    let default = part.tfhd.default_sample_duration.unwrap_or(default_sample_duration);
    let samples = part.trun.iter().flat_map(|run| run.samples.iter());
    samples.map(move |sample| u64::from(sample.duration.unwrap_or(default)))
}

fn is_a_length(duration: u64, timescale: u32) -> bool {
    duration <= MAX_SAMPLE * u64::from(timescale)
}

fn codec_name(codec: &Codec) -> Option<String> {
    Some(match codec {
        Codec::Avc1(avc) => {
            let avcc = &avc.avcc;
            format!(
                "avc1.{:02x}{:02x}{:02x}",
                avcc.avc_profile_indication, avcc.profile_compatibility, avcc.avc_level_indication
            )
        }
        Codec::Hev1(_) => "hev1".to_owned(),
        Codec::Hvc1(_) => "hvc1".to_owned(),
        Codec::Vp08(_) => "vp08".to_owned(),
        Codec::Vp09(_) => "vp09".to_owned(),
        Codec::Av01(_) => "av01".to_owned(),
        Codec::Jpeg(_) => mp4_atom::Jpeg::KIND.to_string(),
        Codec::Unknown(kind, _) => kind.to_string(),
        _ => return None,
    })
}

/// A beginning and a fragment of that length and size, of whose bytes nothing is true.
#[cfg(test)]
pub(crate) fn example(seconds: f64, bytes: usize) -> (Arc<Init>, Fragment) {
    let init = Init {
        bytes: Bytes::from_static(b"init"),
        timescale: 1000,
        resolution: None,
        codec: None,
        default_sample_duration: 0,
        default_sample_flags: 0,
    };
    let units = (seconds * 1000.0) as u64;
    let fragment = Fragment {
        bytes: vec![0; bytes].into(),
        moof_len: 0,
        keyframe: true,
        decode_time: 0,
        units,
        duration: init.duration(units),
        samples: 1,
        jumps: false,
    };
    (Arc::new(init), fragment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Two seconds in which ffmpeg wrote ten pictures each; `None` where there is no ffmpeg.
    fn stream() -> Option<Vec<u8>> {
        let arguments = "-nostdin -v error -f lavfi -i testsrc2=size=64x36:rate=10 -t 2 -c:v libx264 -preset ultrafast \
            -tune zerolatency -pix_fmt yuv420p -force_key_frames expr:gte(t,n_forced*1) -f mp4 \
            -movflags frag_keyframe+empty_moov+default_base_moof pipe:1";
        let Ok(output) = Command::new("ffmpeg").args(arguments.split_whitespace()).output() else {
            assert!(std::env::var_os("CI").is_none(), "CI needs ffmpeg");
            eprintln!("SKIPPED: there is no ffmpeg here (apt install ffmpeg)");
            return None;
        };
        Some(output.stdout)
    }

    /// All parts, and how the stream ended.
    async fn read(bytes: &[u8]) -> (Vec<Part>, Result<(), StreamError>) {
        let mut parts = Parts::new(bytes);
        let mut found = Vec::new();
        loop {
            match parts.next().await {
                Ok(Some(part)) => found.push(part),
                Ok(None) => return (found, Ok(())),
                Err(error) => return (found, Err(error)),
            }
        }
    }

    fn fragments(parts: &[Part]) -> Vec<&Fragment> {
        parts.iter().filter_map(|part| if let Part::Fragment(f) = part { Some(f) } else { None }).collect()
    }

    #[tokio::test]
    async fn a_stream_is_its_beginning_and_a_fragment_a_second() {
        let Some(stream) = stream() else { return };
        let (parts, end) = read(&stream).await;
        assert!(end.is_ok());
        let Some(Part::Init(init)) = parts.first() else { panic!("it begins with its beginning") };
        assert_eq!(init.resolution, Some(Resolution { width: 64, height: 36 }));
        assert!(init.codec.as_deref().is_some_and(|codec| codec.starts_with("avc1.")), "{:?}", init.codec);
        let found = fragments(&parts);
        let of: Vec<_> = found.iter().map(|f| (f.keyframe, f.samples, f.duration, f.decode_time)).collect();
        let second = Duration::from_secs(1);
        assert_eq!(of, [(true, 10, second, 0), (true, 10, second, u64::from(init.timescale))]);
        assert_eq!(found[0].fps(), Some(10.0));
    }

    #[tokio::test]
    async fn a_moved_fragment_begins_at_its_file_s_beginning_and_keeps_its_pictures() {
        let Some(stream) = stream() else { return };
        let (parts, _) = read(&stream).await;
        let (found, Part::Init(init)) = (fragments(&parts), &parts[0]) else { panic!("no beginning") };
        let (moof, mdat) = found[1].moved(found[1].decode_time, 1).unwrap();
        let (again, end) = read(&[&init.bytes[..], &moof, &mdat].concat()).await;
        assert!(end.is_ok());
        let moved = fragments(&again)[0];
        assert_eq!((moved.decode_time, moved.samples, moved.keyframe), (0, 10, true));
        let offset = |f: &Fragment| {
            let moof = Moof::decode(&mut &f.bytes[..f.moof_len]).unwrap();
            moof.traf[0].trun[0].data_offset.unwrap() as usize - f.moof_len
        };
        assert_eq!(offset(moved), 8, "the first picture lies behind the header of `mdat`");
        assert_eq!(moved.bytes[moved.moof_len..], found[1].bytes[found[1].moof_len..]);
    }

    #[tokio::test]
    async fn any_bytes_end_in_a_result() {
        let Some(stream) = stream() else { return };
        for end in (0..stream.len()).step_by(37) {
            let _ = read(&stream[..end]).await;
        }
        // A fixed sequence (Numerical Recipes' generator), so that a failure can be seen again.
        let mut seed = 7_u32;
        let mut random = move || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as usize
        };
        for _ in 0..3000 {
            let mut bytes = stream.clone();
            for _ in 0..=random() % 4 {
                // Most of what is read is in the headers at the beginning.
                let at = random() % if random() % 2 == 0 { bytes.len() } else { 1200 };
                bytes[at] = random() as u8;
            }
            let (parts, _) = read(&bytes).await;
            for fragment in fragments(&parts) {
                let _ = fragment.moved(fragment.decode_time, 1);
            }
        }
    }

    #[tokio::test]
    async fn a_box_that_says_it_is_huge_is_refused_before_it_is_read() {
        let ftyp = b"\0\0\0\x10ftypiso5\0\0\0\0";
        for huge in [&b"\xff\xff\xff\xffmoov"[..], b"\0\0\0\x01moov\x7f\xff\xff\xff\xff\xff\xff\xff"] {
            let (_, end) = read(&[&ftyp[..], huge].concat()).await;
            assert!(matches!(end, Err(StreamError::Size(_))), "{end:?}");
        }
        let (_, end) = read(b"HTTP/1.1 404 Not Found\r\n\r\n").await;
        assert!(end.is_err());
    }
}
