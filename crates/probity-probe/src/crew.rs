//! Who does a stage's work: threads with a runtime each, or whatever a test puts in their place.

use std::io;

use futures_util::future::LocalBoxFuture;

/// A piece of work, for a runtime that waits for nothing else.
pub type Job<'j> = Box<dyn FnOnce() -> LocalBoxFuture<'j, ()> + Send + 'j>;

/// Does a stage's work.
pub trait Crew: Sync {
    /// Begins all jobs beside each other, does `meanwhile` on this thread, and returns when all of it is done. `failed` is told of a job that
    /// could not begin.
    fn work<'j>(&self, jobs: Vec<Job<'j>>, failed: &(dyn Fn(io::Error) + Sync), meanwhile: &mut dyn FnMut());

    /// The same for somebody who waits within a job.
    fn beside<'j>(
        &'j self,
        jobs: Vec<Job<'j>>,
        failed: &'j (dyn Fn(io::Error) + Sync),
    ) -> LocalBoxFuture<'j, ()>;

    /// How many jobs to share work among that waits for little.
    fn hands(&self) -> usize;
}

/// A thread for each job, so that what the kernel tells of a thread it tells of that job, and a look that hangs keeps no other.
#[derive(Debug)]
pub struct Threads;

impl Crew for Threads {
    fn work<'j>(&self, jobs: Vec<Job<'j>>, failed: &(dyn Fn(io::Error) + Sync), meanwhile: &mut dyn FnMut()) {
        std::thread::scope(|scope| {
            for job in jobs {
                scope.spawn(move || {
                    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                        Ok(runtime) => {
                            runtime.block_on(job());
                            // A look that hangs in the kernel must not keep the run from ending.
                            runtime.shutdown_background();
                        }
                        Err(error) => failed(error),
                    }
                });
            }
            meanwhile();
        });
    }

    fn beside<'j>(
        &'j self,
        jobs: Vec<Job<'j>>,
        failed: &'j (dyn Fn(io::Error) + Sync),
    ) -> LocalBoxFuture<'j, ()> {
        // Whoever waits has a thread that does nothing else meanwhile.
        Box::pin(async move { self.work(jobs, failed, &mut || ()) })
    }

    fn hands(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}
