//! A bounded pool of threads, fed through a channel: threads are started when they are needed and end when they are not.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

/// Threads that run jobs of one kind.
pub struct Pool<J> {
    jobs: Sender<J>,
    workers: Arc<Workers<J>>,
}

struct Workers<J> {
    waiting: Receiver<J>,
    run: fn(J),
    max: usize,
    /// Threads that are started and have not ended.
    threads: AtomicUsize,
    /// Threads that have nothing to do, less the jobs that wait for one.
    spare: AtomicIsize,
}

/// An idle thread waits so long for its next job.
const LINGER: Duration = Duration::from_secs(10);
/// The deepest call is a listing through a chain of links; what is not touched costs no memory.
const STACK: usize = 256 * 1024;

impl<J: Send + 'static> Pool<J> {
    /// At most `max` threads, and as many jobs waiting: whoever holds a place may hand in a job, so it waits at most
    /// for a thread that is just coming back.
    pub fn new(max: usize, run: fn(J)) -> Self {
        let (jobs, waiting) = bounded(max);
        let (threads, spare) = (AtomicUsize::new(0), AtomicIsize::new(0));
        Self { jobs, workers: Arc::new(Workers { waiting, run, max, threads, spare }) }
    }

    /// Has the job run by a thread.
    ///
    /// # Errors
    /// Gives the job back when no thread is free and none can be started.
    pub fn run(&self, job: J) -> Result<(), (J, io::Error)> {
        let given_up = |job, error| {
            self.workers.spare.fetch_add(1, Ordering::AcqRel);
            Err((job, error))
        };
        if self.workers.spare.fetch_sub(1, Ordering::AcqRel) <= 0
            && let Err(error) = Workers::spawn(&self.workers)
        {
            return given_up(job, error);
        }
        self.jobs.try_send(job).or_else(|refused| given_up(refused.into_inner(), io::ErrorKind::ResourceBusy.into()))
    }
}

impl<J: Send + 'static> Workers<J> {
    /// One more thread; none where there are `max` already, of which one is about to be free.
    fn spawn(workers: &Arc<Self>) -> io::Result<()> {
        let below_max = |threads| (threads < workers.max).then_some(threads + 1);
        if workers.threads.fetch_update(Ordering::AcqRel, Ordering::Acquire, below_max).is_err() {
            return Ok(());
        }
        let own = Arc::clone(workers);
        let spawned = thread::Builder::new().name("session".to_owned()).stack_size(STACK).spawn(move || own.work());
        match spawned {
            Ok(_) => {
                workers.spare.fetch_add(1, Ordering::AcqRel);
                Ok(())
            }
            Err(error) => {
                workers.threads.fetch_sub(1, Ordering::AcqRel);
                Err(error)
            }
        }
    }

    fn work(&self) {
        loop {
            match self.waiting.recv_timeout(LINGER) {
                Ok(job) => {
                    (self.run)(job);
                    self.spare.fetch_add(1, Ordering::AcqRel);
                }
                Err(RecvTimeoutError::Timeout) if !self.may_leave() => {}
                Err(_) => break,
            }
        }
        self.threads.fetch_sub(1, Ordering::AcqRel);
    }

    /// Takes this thread out of the spare ones, unless a job is on its way to it.
    fn may_leave(&self) -> bool {
        let leave = |spare: isize| (spare > 0).then_some(spare - 1);
        self.spare.fetch_update(Ordering::AcqRel, Ordering::Acquire, leave).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_job_whose_place_is_free_before_its_thread_is_never_refused() {
        let pool: Pool<Sender<()>> = Pool::new(2, |done| {
            let _ = done.send(());
        });
        let (done, finished) = bounded(2);
        for _ in 0..500 {
            for _ in 0..2 {
                pool.run(done.clone()).map_err(|(_, error)| error).expect("taken");
            }
            // Done, but the threads need a moment to come back: that is when the next two are handed in.
            assert_eq!(finished.iter().take(2).count(), 2);
            assert!(pool.workers.threads.load(Ordering::Acquire) <= 2);
        }
    }

    #[test]
    fn a_thread_that_is_free_is_used_again() {
        static THREADS: Mutex<Vec<thread::ThreadId>> = Mutex::new(Vec::new());
        let pool: Pool<Sender<()>> = Pool::new(8, |done| {
            THREADS.lock().expect("not poisoned").push(thread::current().id());
            let _ = done.send(());
        });
        for _ in 0..20 {
            let (done, finished) = bounded(1);
            pool.run(done).map_err(|(_, error)| error).expect("taken");
            finished.recv().expect("run");
            // The thread counts itself free a moment after its job is done.
            while pool.workers.spare.load(Ordering::Acquire) < 1 {
                thread::yield_now();
            }
        }
        let mut threads = THREADS.lock().expect("not poisoned").clone();
        threads.dedup();
        assert_eq!(threads.len(), 1);
    }
}
