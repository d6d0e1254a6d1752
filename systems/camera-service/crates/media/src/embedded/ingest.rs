//! One run of a camera's ffmpeg, from its start to its end.

use std::time::Duration;

use jiff::Timestamp;
use tokio::io::BufReader;

use super::camera::Camera;
use super::feed::Fed;
use crate::certificates::Certificates;
use crate::engine::{EngineEvent, StreamState};
use crate::fragment::{Part, Parts};
use crate::guard::guarded;
use crate::moment::Pair;
use crate::process::{Running, Start, words};
use crate::{EngineError, Moment};

/// How long an ffmpeg that only writes into a pipe may take to say goodbye to its source.
const GOODBYE: Duration = Duration::from_secs(1);
/// No source sends more than it has: what has come of it by now, and what it had kept until it was asked.
const AHEAD: Duration = Duration::from_secs(60);
/// How often it is looked whether the clock was set.
const LOOK: Duration = Duration::from_secs(1);
/// Less than the length at which a fragment ends by itself.
const SECOND: Duration = Duration::from_millis(900);

/// Runs until the source ends or is not wanted any more; the process has been reaped when this returns.
/// `Ok` if it was not wanted, else why it ended.
pub(super) async fn run(camera: &Camera) -> Result<(), EngineError> {
    let mut arguments = words("-nostdin -hide_banner -loglevel warning");
    // Kept until it has ended: it asks through it.
    let (source, _gate) = guarded(&camera.source, Certificates::OfAnybody).await?;
    arguments.extend(source.arguments());
    if source.copies() {
        // A fragment a second, whether or not a key frame has come: what was sent is known, and recorded, by then.
        arguments.extend(words("-frag_duration 1000000"));
    }
    let output = "-f mp4 -movflags frag_keyframe+empty_moov+default_base_moof -flush_packets 1 pipe:1";
    arguments.extend(words(output));
    let shared = &camera.shared;
    let start = Start {
        redactor: camera.source.redactor_of(&source),
        ..Start::of(&shared.options.ffmpeg, arguments)
    };
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
    let begun = Moment::now();
    let mut length = Duration::ZERO;
    let clock_is_set = until_clock_is_set();
    tokio::pin!(clock_is_set);
    loop {
        let come = tokio::select! {
            come = tokio::time::timeout(patience, parts.next()) => come,
            () = &mut clock_is_set, if camera.source.is_timed_by_clock() => {
                return "the clock was set, from which its pictures get their times".to_owned();
            }
        };
        match come {
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
                length += fragment.duration;
                if fragment.jumps || length > begun.elapsed() + AHEAD {
                    // A file would be as long as the jump, or full of copies of one picture.
                    return "the times of its pictures jumped by more than a minute".to_owned();
                }
                patience = options.stall;
                let (piece, risen) = {
                    let mut live = camera.live.lock();
                    // A key frame ends a fragment; where the camera's own coding is kept, so does a second.
                    let ended = !camera.source.copies() || fragment.duration < SECOND;
                    let piece = live.push(epoch, init, fragment, ended, Moment::now());
                    (piece, live.set(StreamState::Ready, None))
                };
                if risen {
                    camera.shared.events.tell(EngineEvent::SourceUp { camera: camera.name.clone() });
                }
                camera.feed.send(Fed::Piece(piece));
                camera.changed();
            }
        }
    }
}

async fn until_clock_is_set() {
    let said = Pair::said();
    while !said.clock_was_set() {
        tokio::time::sleep(LOOK).await;
    }
}
