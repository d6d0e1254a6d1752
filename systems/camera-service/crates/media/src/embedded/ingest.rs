//! One run of a camera's ffmpeg, from its start to its end.

use jiff::Timestamp;
use tokio::io::BufReader;

use super::camera::{Camera, Feed};
use crate::EngineError;
use crate::engine::{EngineEvent, StreamState};
use crate::fragment::{Part, Parts};
use crate::guard::guarded;
use crate::process::{Running, Start, words};

/// How long an ffmpeg that only writes into a pipe may take to say goodbye to its source.
const GOODBYE: std::time::Duration = std::time::Duration::from_secs(1);

/// Runs until the source ends or is not wanted any more; the process has been reaped when this returns.
/// `Ok` if it was not wanted, else why it ended.
pub(super) async fn run(camera: &Camera) -> Result<(), EngineError> {
    let mut arguments = words("-nostdin -hide_banner -loglevel warning");
    // Kept until it has ended: it asks through it.
    let (source, _proxy) = guarded(&camera.source).await?;
    arguments.extend(source.arguments());
    let output = "-f mp4 -movflags frag_keyframe+empty_moov+default_base_moof -flush_packets 1 pipe:1";
    arguments.extend(words(output));
    let shared = &camera.shared;
    let start = Start { redactor: camera.source.redactor(), ..Start::of(&shared.options.ffmpeg, arguments) };
    let mut running = shared.children.start(start).await?;
    camera.live.lock().set_process(running.id());
    let ended = tokio::select! {
        why = read(camera, &mut running) => Err(why),
        () = camera.interest.until_gone() => Ok(()),
    };
    running.end(GOODBYE).await;
    camera.live.lock().set_process(None);
    match ended {
        Ok(()) => Ok(()),
        Err(why) => Err(running.failed(&why).await),
    }
}

/// Reads the stream to its end and says why it ended.
async fn read(camera: &Camera, running: &mut Running) -> String {
    let Some(stdout) = running.child.stdout.take() else { return "it has no output".to_owned() };
    let mut parts = Parts::new(BufReader::new(stdout));
    let mut init = None;
    let epoch = Timestamp::now().as_millisecond();
    let options = &camera.shared.options;
    let mut patience = options.open_within;
    loop {
        match tokio::time::timeout(patience, parts.next()).await {
            Err(_) => return format!("nothing came from {} for {} s", camera.source, patience.as_secs_f32()),
            Ok(Err(error)) => return error.to_string(),
            Ok(Ok(None)) => {
                return match tokio::time::timeout(GOODBYE, running.child.wait()).await {
                    Ok(Ok(status)) if status.success() => format!("{} ended", camera.source),
                    Ok(Ok(status)) => format!("{} cannot be read ({status})", camera.source),
                    _ => "its output ended".to_owned(),
                };
            }
            Ok(Ok(Some(Part::Init(first)))) => init = Some(first),
            Ok(Ok(Some(Part::Fragment(fragment)))) => {
                // A fragment never comes before its beginning.
                let Some(init) = &init else { continue };
                patience = options.stall;
                let now = Timestamp::now();
                let (segment, risen) = {
                    let mut live = camera.live.lock();
                    let segment = live.push(epoch, init, fragment, now);
                    (segment, live.set(StreamState::Ready, None, now))
                };
                if risen {
                    camera.shared.events.tell(EngineEvent::SourceUp { camera: camera.name.clone() });
                }
                // Nobody may be recording.
                let _ = camera.feed.send(Feed::Segment(segment));
                camera.changed();
            }
        }
    }
}
