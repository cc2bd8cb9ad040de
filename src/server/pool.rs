//! A bounded pool of threads, fed through a channel: threads are started when they are needed and end when they are not.
//!
//! A job may leave its thread fit for nothing else: what a thread locked itself out of, or whom it became, can't be
//! undone. Such a thread ends, and it never starts another one, which would inherit all that: threads are started by
//! whoever hands in a job, and by the keeper for jobs that a spent thread left behind.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Threads that run jobs of one kind.
pub struct Pool<J>(Arc<Workers<J>>);

/// What is to be done with jobs.
pub struct Work<J> {
    /// Runs one.
    pub run: fn(J) -> After<J>,
    /// Gets rid of one for which no thread can be started.
    pub refuse: fn(J),
}

/// What a job leaves behind.
pub enum After<J> {
    /// A thread that takes the next job.
    Free,
    /// A thread that can't serve anybody else.
    Spent,
    /// Such a thread, and a job that goes on with another one.
    Elsewhere(J),
}

struct Workers<J> {
    jobs: Sender<J>,
    waiting: Receiver<J>,
    work: Work<J>,
    max: usize,
    state: Mutex<State>,
    /// Wakes one idle thread. The channel's own wait would spin first, at the price of four calls a job.
    handed_in: Condvar,
    /// Wakes the keeper.
    left_behind: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Threads that are started and neither ended nor spent.
    threads: usize,
    /// Threads that have nothing to do, or have just been started.
    idle: usize,
    /// Jobs in the channel.
    queued: usize,
    closed: bool,
}

/// An idle thread waits so long for its next job.
const LINGER: Duration = Duration::from_secs(10);
/// The deepest call is a listing through a chain of links; what is not touched costs no memory.
pub const STACK: usize = 256 * 1024;

impl<J: Send + 'static> Pool<J> {
    /// At most `max` threads, and as many jobs waiting: whoever holds a place may hand in a job, so it waits at most
    /// for a thread that is just coming back or about to end.
    ///
    /// # Errors
    /// When the keeper can't be started.
    pub fn new(max: usize, work: Work<J>) -> io::Result<Self> {
        let (jobs, waiting) = bounded(max);
        let (handed_in, left_behind) = (Condvar::new(), Condvar::new());
        let workers = Arc::new(Workers { jobs, waiting, work, max, state: Mutex::default(), handed_in, left_behind });
        let kept = Arc::clone(&workers);
        thread::Builder::new().name("keeper".to_owned()).spawn(move || Workers::keep(&kept))?;
        Ok(Self(workers))
    }

    /// Has the job run by a thread. Not to be called by a thread of the pool.
    ///
    /// # Errors
    /// Gives the job back when no thread is free and none can be started.
    pub fn run(&self, job: J) -> Result<(), (J, io::Error)> {
        let workers = &self.0;
        let mut state = workers.state();
        if state.idle <= state.queued
            && state.threads < workers.max
            && let Err(error) = Workers::start(workers, &mut state)
        {
            return Err((job, error));
        }
        workers.enqueue(&mut state, job).map_err(|job| (job, io::ErrorKind::ResourceBusy.into()))?;
        drop(state);
        workers.handed_in.notify_one();
        Ok(())
    }
}

impl<J> Drop for Pool<J> {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.left_behind.notify_one();
    }
}

impl<J: Send + 'static> Workers<J> {
    fn start(workers: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let own = Arc::clone(workers);
        let builder = thread::Builder::new().name("session".to_owned()).stack_size(STACK);
        builder.spawn(move || own.work())?;
        state.threads += 1;
        state.idle += 1;
        Ok(())
    }

    fn work(&self) {
        let mut next = self.wait(self.state());
        while let Some(job) = next {
            match (self.work.run)(job) {
                After::Free => {
                    let mut state = self.state();
                    state.idle += 1;
                    next = self.wait(state);
                }
                After::Spent => return self.leave(None),
                After::Elsewhere(job) => return self.leave(Some(job)),
            }
        }
    }

    /// The next job for a thread that counts as idle; `None` when there was none for so long that it may end.
    fn wait(&self, state: MutexGuard<'_, State>) -> Option<J> {
        let wait = self.handed_in.wait_timeout_while(state, LINGER, |state| state.queued == 0);
        let (mut state, _) = wait.unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        let job = self.dequeue(&mut state);
        state.threads -= usize::from(job.is_none());
        job
    }

    /// Counts a spent thread out: its end makes room for a fresh one, which a job may be waiting for.
    fn leave(&self, job: Option<J>) {
        let mut state = self.state();
        state.threads -= 1;
        let refused = job.and_then(|job| self.enqueue(&mut state, job).err());
        let State { idle, queued, .. } = *state;
        drop(state);
        if queued > idle {
            self.left_behind.notify_one();
        } else if queued > 0 {
            self.handed_in.notify_one();
        }
        refused.into_iter().for_each(self.work.refuse);
    }

    /// Starts threads for jobs that nobody else would; itself it runs none.
    fn keep(workers: &Arc<Self>) {
        loop {
            let nothing_to_do = |state: &mut State| !state.closed && !state.is_short(workers.max);
            let wait = workers.left_behind.wait_while(workers.state(), nothing_to_do);
            let mut state = wait.unwrap_or_else(PoisonError::into_inner);
            if state.closed {
                return;
            }
            let refused = match Self::start(workers, &mut state) {
                Ok(()) => None,
                Err(_) => workers.dequeue(&mut state),
            };
            drop(state);
            refused.into_iter().for_each(workers.work.refuse);
        }
    }

    /// Under the lock: a thread that sees the count finds the job.
    fn enqueue(&self, state: &mut State, job: J) -> Result<(), J> {
        self.jobs.try_send(job).map_err(|refused| refused.into_inner())?;
        state.queued += 1;
        Ok(())
    }

    fn dequeue(&self, state: &mut State) -> Option<J> {
        state.queued = state.queued.checked_sub(1)?;
        self.waiting.try_recv().ok()
    }
}

impl<J> Workers<J> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// True where a job waits, no thread is about to take it, and one more may be started.
    fn is_short(&self, max: usize) -> bool {
        self.queued > self.idle && self.threads < max
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread::ThreadId;

    use super::*;

    type Job = Sender<ThreadId>;

    fn refuse<J>(_: J) {}

    fn done(done: &Job) {
        let _ = done.send(thread::current().id());
    }

    fn free(job: Job) -> After<Job> {
        done(&job);
        After::Free
    }

    fn spent(job: Job) -> After<Job> {
        done(&job);
        After::Spent
    }

    fn pool<J: Send + 'static>(max: usize, run: fn(J) -> After<J>) -> Pool<J> {
        Pool::new(max, Work { run, refuse }).expect("a keeper")
    }

    fn hand_in<J: Send + 'static>(pool: &Pool<J>, job: J) {
        pool.run(job).map_err(|(_, error)| error).expect("taken");
    }

    #[test]
    fn a_job_whose_place_is_free_before_its_thread_is_never_refused() {
        for run in [free, spent] {
            let pool = pool(2, run);
            let (done, finished) = bounded(2);
            for _ in 0..500 {
                for _ in 0..2 {
                    hand_in(&pool, done.clone());
                }
                // Done, but the threads need a moment to come back or end: that is when the next two are handed in.
                assert_eq!(finished.iter().take(2).count(), 2);
                assert!(pool.0.state().threads <= 2);
            }
        }
    }

    #[test]
    fn a_thread_that_is_free_is_used_again() {
        let pool = pool(8, free);
        let mut threads: Vec<ThreadId> = (0..20)
            .map(|_| {
                let (done, finished) = bounded(1);
                hand_in(&pool, done);
                let thread = finished.recv().expect("run");
                // The thread counts itself free a moment after its job is done.
                while pool.0.state().idle < 1 {
                    thread::yield_now();
                }
                thread
            })
            .collect();
        threads.dedup();
        assert_eq!(threads.len(), 1);
    }

    #[test]
    fn a_spent_thread_is_never_used_again_and_its_job_goes_on_even_where_one_thread_is_all() {
        static SEEN: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());
        fn run((moves, done): (u32, Job)) -> After<(u32, Job)> {
            SEEN.lock().expect("not poisoned").push(thread::current().id());
            match moves.checked_sub(1) {
                Some(left) => After::Elsewhere((left, done)),
                None => spent_after(&done),
            }
        }
        fn spent_after<J>(job: &Job) -> After<J> {
            done(job);
            After::Spent
        }
        let pool = pool(1, run);
        let (done, finished) = bounded(1);
        for _ in 0..2 {
            hand_in(&pool, (5, done.clone()));
            finished.recv().expect("run");
        }
        let mut threads = SEEN.lock().expect("not poisoned").clone();
        assert_eq!(threads.len(), 12);
        threads.sort_by_key(|thread| format!("{thread:?}"));
        threads.dedup();
        assert_eq!(threads.len(), 12, "no thread runs twice");
    }
}
