//! Cameras and their streams: what the calls answer about them, and what is told when they change.

use std::sync::Arc;

use camera_media::{CameraSpec, EngineError, Source, SourceOptions, StreamState, StreamStatus as Stream};
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::{FIRST_PICTURE, Service};
use crate::contract::{
    Camera, CameraList, CameraState, CameraStatus, Capabilities, Code, Device, NewCamera, Notification,
    RecordingState, RpcError, StreamMetrics, StreamProcess, StreamStarted, StreamStatus, StreamStopped,
    StreamUrl, StreamUrls, Streams, Topic, Validation,
};

/// A camera as the service knows it; what it delivers, the engine knows.
pub struct Known {
    /// Its name, by which calls name it.
    pub name: Arc<str>,
    /// Where its pictures come from, for people: passwords masked.
    pub source: String,
    /// Whether it was added by a call, and so is kept beside the configuration.
    pub added: bool,
    /// Held by the call that changes something about it: such calls are made one after the other, in the order they came.
    pub turn: Mutex<()>,
    /// The link to its live pictures, and the second in which it was signed.
    signed: parking_lot::Mutex<(i64, String)>,
    /// What its last recording came to.
    ended: parking_lot::Mutex<Option<RecordingState>>,
}

impl Known {
    pub(super) fn set_ended(&self, state: RecordingState) {
        *self.ended.lock() = Some(state);
    }

    /// What its last recording came to, in words: `incomplete, 3.0 of 20.0 s: no pictures came from the camera`.
    pub(super) fn ended(&self) -> Option<String> {
        self.ended.lock().as_ref().map(super::coverage::words)
    }
}

impl Service {
    /// The camera of that name.
    pub(super) fn camera(&self, device: &str) -> Result<Arc<Known>, RpcError> {
        self.cameras.read().get(device).cloned().ok_or_else(|| not_found(device))
    }

    fn known_cameras(&self) -> Vec<Arc<Known>> {
        self.cameras.read().values().cloned().collect()
    }

    /// What clients see of a camera.
    pub(super) fn view(&self, known: &Known) -> Result<Camera, RpcError> {
        let status = self.engine.status(&known.name)?;
        self.seen(known, status)
    }

    fn seen(&self, known: &Known, status: Stream) -> Result<Camera, RpcError> {
        let now = self.engine.recording(&known.name)?;
        Ok(Camera {
            device: known.name.to_string(),
            status: state(status.state),
            name: known.name.to_string(),
            resolution: status.resolution.map(|resolution| resolution.to_string()),
            fps: status.fps,
            streams: self.urls(known)?,
            recording: now.as_ref().is_some_and(|now| now.gaps.present.is_none()),
            recording_state: now
                .map_or_else(|| known.ended.lock().clone(), |now| Some(super::coverage::running(&now))),
            reason: status.reason,
        })
    }

    /// A link to a camera's live pictures. It ends at a whole second, so that those of one second are the same one.
    fn live_link(&self, known: &Known) -> String {
        let (device, now) = (&known.name, Timestamp::now());
        let mut signed = known.signed.lock();
        if signed.0 != now.as_second() {
            let query = self.access.link(&format!("/live/{device}/"), now);
            *signed = (now.as_second(), format!("/live/{device}/index.m3u8?{query}"));
        }
        signed.1.clone()
    }

    fn urls(&self, known: &Known) -> Result<StreamUrls, RpcError> {
        let urls = self.engine.urls(&known.name)?;
        Ok(StreamUrls { rtsp: urls.rtsp, webrtc: urls.webrtc, hls: Some(self.live_link(known)) })
    }

    pub(super) async fn camera_list(&self) -> Result<CameraList, RpcError> {
        let mut cameras = Vec::new();
        for known in self.known_cameras() {
            match self.view(&known) {
                Ok(camera) => cameras.push(camera),
                // Removed in this very moment.
                Err(error) if error.code == Code::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let connected = cameras.iter().filter(|camera| camera.status == CameraState::Connected).count();
        Ok(CameraList { total: cameras.len(), connected, cameras })
    }

    pub(super) async fn camera_status(&self, device: &Device) -> Result<CameraStatus, RpcError> {
        let known = self.camera(&device.device)?;
        let status = self.engine.status(&known.name)?;
        let metrics = StreamMetrics {
            bytes_sent: status.bytes_out,
            readers: status.readers.into(),
            uptime: status.uptime.map(|uptime| uptime.as_secs_f64()),
        };
        Ok(CameraStatus { camera: self.seen(&known, status)?, metrics })
    }

    pub(super) async fn capabilities(&self, device: &Device) -> Result<Capabilities, RpcError> {
        let known = self.camera(&device.device)?;
        if let Some(found) = self.device_capabilities(&known.source).await {
            let sizes = found.resolutions().iter().map(ToString::to_string).collect::<Vec<_>>();
            let rates = found.fps_options();
            return Ok(Capabilities {
                device: device.device.clone(),
                formats: found.formats.map(|formats| formats.into_iter().map(|format| format.code).collect()),
                resolutions: Some(sizes).filter(|sizes| !sizes.is_empty()),
                fps_options: Some(rates).filter(|rates| !rates.is_empty()),
                validation_status: Validation::Probed,
            });
        }
        let status = self.engine.status(&known.name)?;
        let observed = status.codec.is_some() || status.resolution.is_some();
        Ok(Capabilities {
            device: device.device.clone(),
            formats: status.codec.map(|codec| vec![codec]),
            resolutions: status.resolution.map(|resolution| vec![resolution.to_string()]),
            fps_options: status.fps.map(|fps| vec![fps]),
            validation_status: if observed { Validation::Observed } else { Validation::NotKnown },
        })
    }

    pub(super) async fn streams(&self) -> Result<Streams, RpcError> {
        let mut streams = Vec::new();
        for known in self.known_cameras() {
            match self.stream_status(&Device { device: known.name.to_string() }).await {
                Ok(stream) => streams.push(stream),
                // Removed in this very moment.
                Err(error) if error.code == Code::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Streams { total: streams.len(), streams })
    }

    pub(super) async fn stream_status(&self, device: &Device) -> Result<StreamStatus, RpcError> {
        let known = self.camera(&device.device)?;
        let status = self.engine.status(&known.name)?;
        Ok(StreamStatus {
            device: device.device.clone(),
            stream_name: device.device.clone(),
            status: state(status.state),
            ready: status.state == StreamState::Ready,
            readers: status.readers.into(),
            bytes_sent: status.bytes_out,
            bytes_received: status.bytes_in,
            streams: self.urls(&known)?,
            process: status.process.map(|pid| StreamProcess { pid }),
            reason: status.reason,
        })
    }

    pub(super) async fn stream_url(&self, device: &Device) -> Result<StreamUrl, RpcError> {
        let known = self.camera(&device.device)?;
        let streams = self.urls(&known)?;
        let status = self.engine.status(&known.name)?;
        Ok(StreamUrl {
            device: device.device.clone(),
            stream_url: streams.hls.clone(),
            ready: status.state == StreamState::Ready,
            expires_at: Some(Self::link_expiry()),
            streams,
        })
    }

    pub(super) async fn start_stream(&self, device: &Device) -> Result<StreamStarted, RpcError> {
        let known = self.camera(&device.device)?;
        let _turn = known.turn.lock().await;
        let ran = self.engine.status(&known.name)?.state == StreamState::Ready;
        self.engine.start_stream(&known.name, FIRST_PICTURE).await?;
        let streams = self.urls(&known)?;
        Ok(StreamStarted {
            device: device.device.clone(),
            stream_name: device.device.clone(),
            stream_url: streams.hls,
            status: if ran { "already_running" } else { "started" },
            start_time: Timestamp::now(),
        })
    }

    pub(super) async fn stop_stream(&self, device: &Device) -> Result<StreamStopped, RpcError> {
        let known = self.camera(&device.device)?;
        let _turn = known.turn.lock().await;
        if self.engine.recording(&known.name)?.is_some() {
            let message = format!("{} is being recorded: stop_recording first", known.name);
            return Err(RpcError::new(Code::InvalidState, message));
        }
        let ran = self.engine.status(&known.name)?.state != StreamState::Stopped;
        self.engine.stop_stream(&known.name).await?;
        Ok(StreamStopped {
            device: device.device.clone(),
            stream_name: device.device.clone(),
            status: if ran { "stopped" } else { "not_running" },
        })
    }

    /// Adds a camera to the engine and to those that are known.
    pub async fn introduce(&self, name: &str, source: Source, added: bool) -> Result<Arc<Known>, RpcError> {
        let known = Arc::new(Known {
            name: name.into(),
            source: source.to_string(),
            added,
            turn: Mutex::new(()),
            signed: Default::default(),
            ended: Default::default(),
        });
        {
            let mut cameras = self.cameras.write();
            if cameras.contains_key(name) {
                return Err(RpcError::new(
                    Code::InvalidState,
                    format!("there is a camera named {name} already"),
                ));
            }
            cameras.insert(name.to_owned(), Arc::clone(&known));
        }
        if let Err(error) = self.engine.add(CameraSpec { name: name.to_owned(), source }).await {
            self.cameras.write().remove(name);
            return Err(error.into());
        }
        Ok(known)
    }

    pub(super) async fn add(&self, new: &NewCamera) -> Result<Camera, RpcError> {
        if let Err(error) = new.name.parse::<camera_config::CameraName>() {
            return Err(RpcError::invalid_params(error.to_string()));
        }
        if self.config.read().cameras.iter().any(|camera| camera.name.as_str() == new.name) {
            let message = format!(
                "{} is a camera of the configuration file: change it there, or take another name",
                new.name
            );
            return Err(RpcError::new(Code::InvalidState, message));
        }
        let source = Source::parse(&new.source, SourceOptions::default())?.told_by_a_call();
        camera_media::check_source(&source).await?;
        // Kept first: a camera that is answered for outlasts a restart.
        let known = self.introduce(&new.name, source, true).await?;
        let _turn = known.turn.lock().await;
        if let Err(error) = self.keep_added(&new.name, Some(&new.source)).await {
            self.cameras.write().remove(&new.name);
            self.engine.remove(&new.name).await?;
            return Err(error);
        }
        self.view(&known)
    }

    pub(super) async fn remove(&self, device: &Device) -> Result<Camera, RpcError> {
        let known = self.camera(&device.device)?;
        let _turn = known.turn.lock().await;
        if self.engine.recording(&known.name)?.is_some() {
            let message = format!("{} is being recorded: stop_recording first", known.name);
            return Err(RpcError::new(Code::InvalidState, message));
        }
        let camera = self.view(&known)?;
        if known.added {
            self.keep_added(&known.name, None).await?;
        }
        self.engine.remove(&known.name).await?;
        self.cameras.write().remove(&*known.name);
        // Also one that waits for it, or for room on the disk.
        self.wanted.forget(&known.name).await;
        let camera = Camera { status: CameraState::Disconnected, ..camera };
        self.publish_camera(&known, &camera, Some("the camera was deleted"));
        Ok(camera)
    }

    /// Tells subscribers that a camera's state changed.
    pub(super) async fn tell_camera(&self, device: &str, reason: Option<String>) {
        let Ok(known) = self.camera(device) else { return };
        let Ok(camera) = self.view(&known) else { return };
        self.publish_camera(&known, &camera, reason.as_deref());
    }

    fn publish_camera(&self, known: &Known, camera: &Camera, reason: Option<&str>) {
        let topic = match camera.status {
            CameraState::Connected => Topic::CameraConnected,
            _ => Topic::CameraDisconnected,
        };
        for topic in [topic, Topic::CameraStatusChange, Topic::CameraStatusUpdate] {
            self.hub.publish(&Notification {
                topic,
                device: Some(Arc::clone(&known.name)),
                timestamp: Timestamp::now(),
                camera: (topic == Topic::CameraStatusUpdate).then(|| camera.clone()),
                recording: None,
                filename: None,
                reason: reason.map(str::to_owned),
            });
        }
    }
}

fn state(state: StreamState) -> CameraState {
    match state {
        StreamState::Ready => CameraState::Connected,
        StreamState::Starting => CameraState::Connecting,
        StreamState::Reconnecting | StreamState::Failed => CameraState::Disconnected,
        StreamState::Stopped => CameraState::Stopped,
    }
}

fn not_found(device: &str) -> RpcError {
    let message = format!("there is no camera named {device:?}; get_camera_list lists them");
    RpcError::new(Code::NotFound, message)
}

impl From<EngineError> for RpcError {
    fn from(error: EngineError) -> Self {
        let code = match &error {
            EngineError::NotFound(_) => Code::NotFound,
            EngineError::InvalidState(_) => Code::InvalidState,
            EngineError::Unsupported(_) => Code::Unsupported,
            EngineError::Invalid(_) => Code::InvalidParams,
            // Their words are those of ffmpeg, of a media server or of the system.
            _ => return RpcError::dependency(error.to_string()),
        };
        RpcError::new(code, error.to_string())
    }
}
