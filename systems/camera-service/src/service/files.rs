//! Files: lists, information, deletion, retention, and how full the disk is.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camera_media::Force;
use camera_storage::{Cleaned, FileName, Level, Library, Retention, StorageError, Thresholds, Usage};
use jiff::Timestamp;

use super::{Service, blocking};
use crate::contract::{Code, Deleted, File, FileInfo, FileList, ListedFile, Page, RpcError, StorageInfo};

/// Room for one more picture or the first seconds of a recording.
const HEADROOM: u64 = 16 << 20;

/// Of a small disk, this much is to be free, so that it does not want for headroom before it is looked at again.
const ENOUGH: u64 = HEADROOM + HEADROOM / 4;

/// How often it is looked whether something is to be removed, at least: a shorter interval that somebody sets is soon kept.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The first turn of retention comes so long after the start, unless turns are more frequent: a service that is started again every day
/// is to have one, too.
const FIRST_TURN: Duration = Duration::from_secs(300);

/// How long ffprobe may take.
const PROBE: Duration = Duration::from_secs(5);

/// Which of the two folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Recordings.
    Recordings,
    /// Snapshots.
    Snapshots,
}

impl Kind {
    /// The folder's name in links.
    #[must_use]
    pub fn in_links(self) -> &'static str {
        match self {
            Kind::Recordings => "recordings",
            Kind::Snapshots => "snapshots",
        }
    }

    /// The folder that is so named in links.
    #[must_use]
    pub fn from_link(name: &str) -> Option<Kind> {
        [Kind::Recordings, Kind::Snapshots].into_iter().find(|kind| kind.in_links() == name)
    }
}

impl Service {
    /// The folder of that kind.
    pub fn library(&self, kind: Kind) -> Arc<Library> {
        Arc::clone(match kind {
            Kind::Recordings => &self.recordings,
            Kind::Snapshots => &self.snapshots,
        })
    }

    pub(super) async fn list(&self, kind: Kind, page: Page) -> Result<FileList, RpcError> {
        if !(1..=1000).contains(&page.limit) {
            return Err(RpcError::invalid_params("limit is 1 to 1000"));
        }
        let library = self.library(kind);
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
        let (listing, notes) = blocking(move || {
            let listing = library.list(limit, offset)?;
            let notes: Vec<_> =
                listing.files.iter().map(|file| super::coverage::kept(&library, &file.name)).collect();
            Ok::<_, StorageError>((listing, notes))
        })
        .await??;
        let files = listing
            .files
            .into_iter()
            .zip(notes)
            .map(|(file, incomplete)| ListedFile {
                incomplete,
                download_url: self.download_link(kind, &file.name),
                filename: file.name.to_string(),
                file_size: file.bytes,
                modified_time: file.modified,
            })
            .collect();
        Ok(FileList { files, total: listing.total, limit: page.limit, offset: page.offset })
    }

    pub(super) async fn file_info(&self, kind: Kind, file: &File) -> Result<FileInfo, RpcError> {
        let name = file_name(&file.filename)?;
        let library = self.library(kind);
        let path = library.path_of(&name);
        let asked = name.clone();
        // Of a snapshot no program is asked. Never closed.
        let _turn = match kind {
            Kind::Recordings => Some(self.probes.acquire().await),
            Kind::Snapshots => None,
        };
        let (info, incomplete) = blocking(move || {
            Ok::<_, StorageError>((library.info(&asked)?, super::coverage::kept(&library, &asked)))
        })
        .await??;
        let duration = match kind {
            Kind::Recordings => match camera_media::probe_file(&self.ffprobe, &path, PROBE).await {
                Ok(file) => file.duration,
                Err(error) => {
                    tracing::info!(%error, "how long a recording is, is not known");
                    None
                }
            },
            Kind::Snapshots => None,
        };
        Ok(FileInfo {
            download_url: self.download_link(kind, &name),
            filename: file.filename.clone(),
            file_size: info.bytes,
            duration: duration.map(|duration| duration.as_secs_f64()),
            created_time: info.created,
            incomplete,
        })
    }

    pub(super) async fn delete(&self, kind: Kind, file: File) -> Result<Deleted, RpcError> {
        let name = file_name(&file.filename)?;
        let in_use = self.files_in_use().await;
        let (library, left) = (self.library(kind), self.left_behind());
        let deleted = blocking(move || {
            library.delete(&name, &|name| in_use.contains(name) || unfinished(&library, name, &left))
        });
        let deleted = deleted.await??;
        let message = format!("{} is gone; {} bytes are free again", file.filename, deleted.bytes);
        Ok(Deleted { filename: file.filename, deleted: true, message })
    }

    /// Names of the files that are being written.
    async fn files_in_use(&self) -> HashSet<FileName> {
        let names: Vec<String> = self.cameras.read().keys().cloned().collect();
        let mut in_use = HashSet::new();
        for name in names {
            if let Ok(Some(recording)) = self.engine.recording(&name)
                && let Some(path) = recording.path
                && let Some(Ok(name)) = path.file_name().map(|name| name.to_string_lossy().parse())
            {
                in_use.insert(name);
            }
        }
        in_use
    }

    /// Removes from both folders what the retention policy no longer keeps, by the clock as it is now.
    pub(super) async fn clean(&self) -> Result<Cleaned, RpcError> {
        self.look_at_clock().await;
        self.clean_by_policy().await
    }

    async fn clean_by_policy(&self) -> Result<Cleaned, RpcError> {
        let retention = {
            let config = self.config.read();
            let retention = &config.storage.retention;
            match retention.policy {
                camera_config::Policy::Age => Retention::Age(retention.age.duration()),
                camera_config::Policy::Size => Retention::Size(retention.size.bytes()),
                camera_config::Policy::Manual => Retention::Manual,
            }
        };
        self.clean_by(retention, &[Kind::Recordings, Kind::Snapshots]).await
    }

    /// Removes what `retention` no longer allows from each of the folders.
    async fn clean_by(&self, retention: Retention, kinds: &[Kind]) -> Result<Cleaned, RpcError> {
        let in_use = self.files_in_use().await;
        let libraries: Vec<_> =
            kinds.iter().map(|kind| (self.library(*kind), self.clock.undated(*kind))).collect();
        let (now, left) = (Timestamp::now(), self.left_behind());
        let cleaned = blocking(move || {
            let mut all = Cleaned::default();
            for (library, undated) in libraries {
                let in_use = |name: &FileName| in_use.contains(name) || unfinished(&library, name, &left);
                let undated = |name: &FileName| undated.get(name).copied();
                all.add(library.cleanup(retention, now, &in_use, &undated)?);
            }
            Ok::<_, StorageError>(all)
        })
        .await??;
        self.access.record_retention(&cleaned);
        Ok(cleaned)
    }

    /// In place of a file's age, which a clock that is not trusted does not tell: the oldest go from a disk that is about to reach its blocking
    /// level, so that recordings go on. From any other disk, nothing does.
    async fn make_room(&self) -> Result<Cleaned, RpcError> {
        let mut all = Cleaned::default();
        let below = self.thresholds().block.saturating_sub(1);
        for kind in [Kind::Recordings, Kind::Snapshots] {
            let usage = self.usage(kind).await?;
            let over = usage.over(below).max(ENOUGH.saturating_sub(usage.free));
            if over > 0 {
                let cleaned = self.clean_by(Retention::Free(over), &[kind]).await?;
                all.add(cleaned);
            }
        }
        Ok(all)
    }

    /// Keeps the retention policy, until the service stops. Age is kept by a clock that is trusted; until then, and for ever on a machine
    /// that nothing synchronises, room is made where there is none.
    pub async fn keep_retention(self: Arc<Self>) {
        let mut turns = Turns::default();
        let mut withheld = false;
        loop {
            let every = self.config.read().storage.retention.every.duration();
            tokio::select! {
                () = tokio::time::sleep(every.min(LOOK_AGAIN)) => {}
                () = self.stop.cancelled() => return,
            }
            // Somebody may have set it a moment ago.
            self.look_at_clock().await;
            let was_withheld = std::mem::replace(&mut withheld, self.withholds_age());
            let cleaned = if withheld {
                // A disk does not wait for the next turn.
                self.make_room().await
            } else if was_withheld || turns.is_due(Instant::now(), every) {
                turns.last = Some(Instant::now());
                self.clean_by_policy().await
            } else {
                continue;
            };
            match cleaned {
                Ok(cleaned) if cleaned.removed.is_empty() && cleaned.failed.is_empty() => {}
                Ok(cleaned) => {
                    tracing::info!(
                        files = cleaned.removed.len(),
                        bytes = cleaned.bytes_freed,
                        for_room = withheld,
                        "old files removed"
                    );
                    for left in &cleaned.failed {
                        tracing::error!(file = %left.name, why = %left.why, "an old file could not be removed");
                    }
                }
                Err(error) => tracing::error!(error = %error.message, "old files could not be removed"),
            }
        }
    }

    /// Whether files should be removed for their age, which the clock does not tell yet.
    fn withholds_age(&self) -> bool {
        let policy = self.config.read().storage.retention.policy;
        policy == camera_config::Policy::Age && !self.clock.is_trusted()
    }

    fn thresholds(&self) -> Thresholds {
        let config = self.config.read();
        let (warn, block) = (config.storage.warn.get(), config.storage.block.get());
        Thresholds { warn, block, headroom: HEADROOM }
    }

    async fn usage(&self, kind: Kind) -> Result<Usage, RpcError> {
        let (library, thresholds) = (self.library(kind), self.thresholds());
        Ok(blocking(move || library.usage(&thresholds)).await??)
    }

    /// Refuses what would write to a disk that is at its blocking level.
    pub(super) async fn refuse_full_disk(&self, kind: Kind) -> Result<(), RpcError> {
        let usage = self.usage(kind).await?;
        if usage.level == Level::Block {
            let message =
                format!("nothing more is written: {}; delete files or give the disk more room", usage.why);
            return Err(RpcError::new(Code::InvalidState, message));
        }
        Ok(())
    }

    fn left_behind(&self) -> Vec<PathBuf> {
        self.left_behind.iter().map(|left| left.path.clone()).collect()
    }

    /// What an earlier run left and is still there.
    async fn damage(&self) -> Option<String> {
        if self.left_behind.is_empty() {
            return None;
        }
        let paths = self.left_behind();
        let there: Vec<bool> =
            blocking(move || paths.iter().map(|path| path.symlink_metadata().is_ok()).collect())
                .await
                .ok()?;
        let mut still = self.left_behind.iter().zip(there).filter(|(_, there)| *there).map(|(left, _)| left);
        let (first, others) = (still.next()?, still.count());
        let others = if others == 0 { String::new() } else { format!(", and {others} more") };
        Some(format!("left by an earlier run and not put in order: {}{others}; delete it", first.error))
    }

    /// The state of the disks, and of what is on them, as a component's trouble.
    pub(super) async fn storage_trouble(&self) -> Option<(&'static str, String)> {
        for kind in [Kind::Recordings, Kind::Snapshots] {
            match self.usage(kind).await {
                Ok(usage) if usage.level == Level::Block => return Some(("failed", usage.why)),
                Ok(usage) if usage.level == Level::Warn => return Some(("degraded", usage.why)),
                Ok(_) => {}
                Err(error) => return Some(("failed", error.message)),
            }
        }
        self.damage().await.map(|why| ("degraded", why))
    }

    /// Free and total bytes of the disk of recordings.
    pub(super) async fn disk(&self) -> Option<(u64, u64)> {
        self.usage(Kind::Recordings).await.ok().map(|usage| (usage.free, usage.total))
    }

    pub(super) async fn storage_info(&self) -> Result<StorageInfo, RpcError> {
        let usage = self.usage(Kind::Recordings).await?;
        let other = self.usage(Kind::Snapshots).await?;
        let (recordings, snapshots) = (self.library(Kind::Recordings), self.library(Kind::Snapshots));
        let ((recordings, recordings_bytes), (snapshots, snapshots_bytes)) =
            blocking(move || Ok::<_, StorageError>((recordings.size()?, snapshots.size()?))).await??;
        let thresholds = self.thresholds();
        Ok(StorageInfo {
            total_bytes: usage.total,
            free_bytes: usage.free,
            used_percent: usage.percent,
            recordings_bytes,
            recordings,
            snapshots_bytes,
            snapshots,
            level: match usage.level.max(other.level) {
                Level::Ok => "ok",
                Level::Warn => "warning",
                Level::Block => "blocking",
            },
            warn_percent: thresholds.warn.into(),
            block_percent: thresholds.block.into(),
            retention: self.retention_view(),
        })
    }

    /// Ends recordings when the disk reaches its blocking level: what they have written stays playable.
    pub async fn end_recordings_on_full_disk(self: Arc<Self>) {
        for makes_room in [self.withholds_age(), false] {
            match self.usage(Kind::Recordings).await {
                Ok(usage) if usage.level == Level::Block => {}
                Ok(_) => return,
                // A disk that cannot be looked at for a moment is no reason to end what is being written.
                Err(error) => return tracing::error!(error = %error.message, "the disk cannot be looked at"),
            }
            if makes_room && let Err(error) = self.make_room().await {
                tracing::error!(error = %error.message, "no room could be made");
            }
        }
        let names: Vec<String> = self.cameras.read().keys().cloned().collect();
        futures_util::future::join_all(names.iter().map(|name| self.end_recording(name))).await;
    }

    async fn end_recording(&self, camera: &str) {
        if let Ok(Some(_)) = self.engine.recording(camera) {
            tracing::error!(%camera, "the disk is at its blocking level: the recording is ended");
            if let Err(error) = self.engine.force_end(camera, Force::FullDisk).await {
                tracing::error!(%camera, %error, "the recording could not be ended");
            }
        }
    }

    fn download_link(&self, kind: Kind, name: &FileName) -> String {
        let path = format!("/files/{}/{}", kind.in_links(), encoded(name.as_str()));
        let query = self.access.link(&path, Timestamp::now());
        format!("{path}?{query}")
    }

    /// When a link made now ends.
    pub(super) fn link_expiry() -> Timestamp {
        Timestamp::now().checked_add(camera_access::LINK_LIFETIME).unwrap_or(Timestamp::MAX)
    }
}

/// When the retention policy is kept.
struct Turns {
    began: Instant,
    last: Option<Instant>,
}

impl Default for Turns {
    fn default() -> Self {
        Turns { began: Instant::now(), last: None }
    }
}

impl Turns {
    fn is_due(&self, now: Instant, every: Duration) -> bool {
        match self.last {
            None => now.duration_since(self.began) >= every.min(FIRST_TURN),
            Some(last) => now.duration_since(last) >= every,
        }
    }
}

/// Whether the engine has not finished with a file: beside it lies its mark, until it is written, or rewritten, to its end.
/// One that an earlier run left, and is beyond help, is finished with.
fn unfinished(library: &Library, name: &FileName, left_behind: &[PathBuf]) -> bool {
    library.path().join(format!(".{name}.open")).exists() && !left_behind.contains(&library.path_of(name))
}

/// A name as a part of a path.
fn encoded(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC)
        .to_string()
        .replace("%2E", ".")
        .replace("%5F", "_")
        .replace("%2D", "-")
}

/// A file's name as a client sends it.
pub(super) fn file_name(name: &str) -> Result<FileName, RpcError> {
    name.parse().map_err(|error: camera_storage::NameError| RpcError::invalid_params(error.to_string()))
}

impl From<StorageError> for RpcError {
    fn from(error: StorageError) -> Self {
        let code = match &error {
            StorageError::NotFound(_) => Code::NotFound,
            StorageError::InUse(_) | StorageError::AlreadyExists(_) | StorageError::Full(_) => {
                Code::InvalidState
            }
            // With paths of this machine.
            StorageError::Empty(_) | StorageError::Failed { .. } => {
                return RpcError::dependency(error.to_string());
            }
        };
        RpcError::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_has_a_turn_soon_after_the_start_however_rare_its_turns_are() {
        let [minute, hour, day] = [60, 3600, 86_400].map(Duration::from_secs);
        let mut turns = Turns::default();
        let at = |after| turns.began + after;
        assert!(!turns.is_due(at(4 * minute), day) && turns.is_due(at(5 * minute), day));
        assert!(turns.is_due(at(minute), minute), "those who want more of them have more");
        let first = at(5 * minute);
        turns.last = Some(first);
        assert!(!turns.is_due(first + 23 * hour, day) && turns.is_due(first + day, day));
    }
}
