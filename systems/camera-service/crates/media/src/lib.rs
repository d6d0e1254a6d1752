//! Media engines behind one trait: cameras become streams, pictures and recordings.
//!
//! Knows ffmpeg, fragmented MP4 and HLS; must not know JSON-RPC, roles, configuration files, nor how long files are kept.
//! Begin with [`Engine`]; [`EmbeddedEngine`] is the one that needs nothing but ffmpeg,
//! [`MediaMtxEngine`] the one that works with a MediaMTX server.

mod cameras;
mod certificates;
mod discovery;
mod embedded;
mod engine;
mod error;
mod events;
mod files;
mod fragment;
mod gate;
mod guard;
mod interest;
mod live;
mod mediamtx;
mod moment;
mod process;
mod proxy;
mod recording;
mod relay;
mod retry;
mod source;
mod still;

pub use discovery::{
    Capabilities, Device, DeviceChange, Discovery, FrameSizes, PixelFormat, parse_description,
};
pub use embedded::{EmbeddedEngine, EmbeddedOptions};
pub use engine::{
    CameraSpec, Engine, EngineEvent, Force, Gap, GapCause, Gaps, LiveStream, NameFile, RecordedFile,
    RecordingDone, RecordingEnd, RecordingFormat, RecordingNow, RecordingRequest, RecordingStarted,
    SnapshotTaken, StreamState, StreamStatus, StreamUrls,
};
pub use error::EngineError;
pub use files::{FileInfo, Recovered, Recovery, RecoveryAction, Unrecovered, probe_file, recover};
pub use guard::check_source;
pub use live::LiveView;
pub use mediamtx::{Answer, BreakerOptions, LIVE_PARAMETERS, LiveServer, MediaMtxEngine, MediaMtxOptions};
pub use moment::Moment;
pub use source::{Encode, Resolution, Source, SourceKind, SourceOptions};
