//! A bounded pool of threads, fed through a channel: threads are started when they are needed and end when they are not.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Threads that run jobs of one kind.
pub struct Pool<J> {
    jobs: Sender<J>,
    workers: Arc<Workers<J>>,
}

struct Workers<J> {
    waiting: Receiver<J>,
    run: fn(J),
    max: usize,
    state: Mutex<State>,
    /// Wakes one idle thread. The channel's own wait would spin first, at the price of four calls a job.
    work: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Threads that are started and have not ended.
    threads: usize,
    /// Threads that have nothing to do.
    idle: usize,
    /// Jobs in the channel.
    queued: usize,
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
        Self { jobs, workers: Arc::new(Workers { waiting, run, max, state: Mutex::default(), work: Condvar::new() }) }
    }

    /// Has the job run by a thread.
    ///
    /// # Errors
    /// Gives the job back when no thread is free and none can be started.
    pub fn run(&self, job: J) -> Result<(), (J, io::Error)> {
        let mut state = self.workers.state();
        if state.idle <= state.queued && state.threads < self.workers.max {
            if let Err(error) = Workers::spawn(&self.workers) {
                return Err((job, error));
            }
            state.threads += 1;
        }
        // Under the lock: a thread that sees the count finds the job.
        if let Err(refused) = self.jobs.try_send(job) {
            return Err((refused.into_inner(), io::ErrorKind::ResourceBusy.into()));
        }
        state.queued += 1;
        drop(state);
        self.workers.work.notify_one();
        Ok(())
    }
}

impl<J: Send + 'static> Workers<J> {
    fn spawn(workers: &Arc<Self>) -> io::Result<()> {
        let own = Arc::clone(workers);
        let builder = thread::Builder::new().name("session".to_owned()).stack_size(STACK);
        builder.spawn(move || own.work()).map(drop)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            (self.run)(job);
        }
    }

    /// The next job; `None` when there was none for so long that this thread may end.
    fn next(&self) -> Option<J> {
        let mut state = self.state();
        state.idle += 1;
        let wait = self.work.wait_timeout_while(state, LINGER, |state| state.queued == 0);
        let (mut state, _) = wait.unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        match state.queued.checked_sub(1) {
            Some(left) => {
                state.queued = left;
                self.waiting.try_recv().ok()
            }
            None => {
                state.threads -= 1;
                None
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
            assert!(pool.workers.state().threads <= 2);
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
            while pool.workers.state().idle < 1 {
                thread::yield_now();
            }
        }
        let mut threads = THREADS.lock().expect("not poisoned").clone();
        threads.dedup();
        assert_eq!(threads.len(), 1);
    }
}
