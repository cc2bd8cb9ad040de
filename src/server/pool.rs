//! A bounded pool of threads, fed through a channel: threads are started when they are needed and end when they are not.
//!
//! A thread that locked itself in for its job, or became another user, can't undo that: it is spent. It ends, and never
//! starts another thread, which would inherit all that. Threads are started by the thread that hands in a job, and by the
//! keeper for jobs that a spent thread has left.

use std::io;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Select, Sender, bounded};
use parking_lot::Mutex;

/// Threads that run jobs of one kind.
pub struct Pool<J>(Arc<Workers<J>>);

/// What is done with jobs.
pub struct Work<J> {
    /// Runs one.
    pub run: fn(J) -> After<J>,
    /// Gets rid of one for which no thread can be started.
    pub refuse: fn(J),
}

/// What there is after a job.
pub enum After<J> {
    /// A thread that takes the next job.
    Free,
    /// A thread that must end, and perhaps a job that goes on with another one.
    Spent(Option<J>),
}

struct Workers<J> {
    jobs: Sender<J>,
    waiting: Receiver<J>,
    work: Work<J>,
    max: usize,
    count: Mutex<Count>,
    /// Wakes the keeper, and ends it when the pool and its threads are gone.
    left_behind: Sender<()>,
}

#[derive(Default)]
struct Count {
    /// Threads that are neither spent nor ended.
    threads: usize,
    /// Idle threads, less the jobs in the channel. Below zero, jobs wait for a thread that is still busy.
    spare: isize,
}

/// How long an idle thread waits for its next job.
const LINGER: Duration = Duration::from_secs(10);
/// The deepest call is a listing through a chain of links; what is not touched costs no memory.
pub const STACK: usize = 256 * 1024;

impl<J: Send + 'static> Pool<J> {
    /// At most `max` threads, and as many jobs waiting. If each job has one of `max` places, it waits at most for a thread
    /// that is just coming back or about to end.
    pub fn new(max: usize, work: Work<J>) -> io::Result<Self> {
        let (jobs, waiting) = bounded(max);
        let (left_behind, calls) = bounded(1);
        let workers = Arc::new(Workers { jobs, waiting, work, max, count: Mutex::default(), left_behind });
        let kept = Arc::downgrade(&workers);
        thread::Builder::new().name("keeper".to_owned()).spawn(move || keep(&kept, &calls))?;
        Ok(Self(workers))
    }

    /// Has the job run by a thread; gives it back if no thread is free and none can be started. Not to be called by a
    /// thread of the pool.
    pub fn run(&self, job: J) -> Result<(), (J, io::Error)> {
        let workers = &self.0;
        let mut count = workers.count.lock();
        if count.spare <= 0
            && count.threads < workers.max
            && let Err(error) = Workers::start(workers, &mut count)
        {
            return Err((job, error));
        }
        workers.hand_in(&mut count, job).map_err(|job| (job, io::ErrorKind::ResourceBusy.into()))
    }
}

impl<J: Send + 'static> Workers<J> {
    fn start(workers: &Arc<Self>, count: &mut Count) -> io::Result<()> {
        let own = Arc::clone(workers);
        let builder = thread::Builder::new().name("session".to_owned()).stack_size(STACK);
        builder.spawn(move || own.work())?;
        count.threads += 1;
        count.spare += 1;
        Ok(())
    }

    /// Puts a job into the channel. The lock is held, so that a thread that counts on the job finds it.
    fn hand_in(&self, count: &mut Count, job: J) -> Result<(), J> {
        self.jobs.try_send(job).map_err(|refused| refused.into_inner())?;
        count.spare -= 1;
        Ok(())
    }

    fn work(&self) {
        // `recv_timeout` would yield the processor four times before it waits.
        let mut select = Select::new();
        select.recv(&self.waiting);
        while let Some(job) = self.next(&mut select) {
            if let After::Spent(unfinished) = (self.work.run)(job) {
                return self.leave(unfinished);
            }
            self.count.lock().spare += 1;
        }
    }

    /// The next job; `None` if none came within `LINGER`, so that this thread may end.
    #[inline(never)]
    fn next(&self, select: &mut Select<'_>) -> Option<J> {
        if let Ok(selected) = select.select_timeout(LINGER) {
            return selected.recv(&self.waiting).ok();
        }
        let mut count = self.count.lock();
        if count.spare <= 0 {
            // A job for each idle thread has come in this very moment.
            drop(count);
            return self.waiting.recv().ok();
        }
        count.spare -= 1;
        count.threads -= 1;
        None
    }

    /// Counts a spent thread out. Its end makes room for a new one, which a job may be waiting for.
    #[inline(never)]
    fn leave(&self, unfinished: Option<J>) {
        let mut count = self.count.lock();
        count.threads -= 1;
        let refused = unfinished.and_then(|job| self.hand_in(&mut count, job).err());
        let is_short = count.spare < 0;
        drop(count);
        if is_short {
            // If there is a call already, the keeper has yet to look.
            let _ = self.left_behind.try_send(());
        }
        refused.into_iter().for_each(self.work.refuse);
    }

    /// Starts threads for jobs that no thread is coming for.
    fn replace_spent(workers: &Arc<Self>) {
        loop {
            let mut count = workers.count.lock();
            if count.spare >= 0 || count.threads >= workers.max {
                return;
            }
            if Self::start(workers, &mut count).is_ok() {
                continue;
            }
            let Ok(job) = workers.waiting.try_recv() else { return };
            count.spare += 1;
            drop(count);
            (workers.work.refuse)(job);
        }
    }
}

fn keep<J: Send + 'static>(workers: &Weak<Workers<J>>, calls: &Receiver<()>) {
    for () in calls {
        let Some(workers) = workers.upgrade() else { return };
        Workers::replace_spent(&workers);
    }
}

#[cfg(test)]
mod tests {
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
        After::Spent(None)
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
                assert!(pool.0.count.lock().threads <= 2);
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
                while pool.0.count.lock().spare < 1 {
                    thread::yield_now();
                }
                thread
            })
            .collect();
        threads.dedup();
        assert_eq!(threads.len(), 1);
    }

    #[test]
    fn a_spent_thread_is_never_used_again_and_its_job_goes_on_even_if_one_thread_is_all() {
        static SEEN: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());
        fn run((moves, done): (u32, Job)) -> After<(u32, Job)> {
            SEEN.lock().push(thread::current().id());
            match moves.checked_sub(1) {
                Some(left) => After::Spent(Some((left, done))),
                None => spent_after(&done),
            }
        }
        fn spent_after<J>(job: &Job) -> After<J> {
            done(job);
            After::Spent(None)
        }
        let pool = pool(1, run);
        let (done, finished) = bounded(1);
        for _ in 0..2 {
            hand_in(&pool, (5, done.clone()));
            finished.recv().expect("run");
        }
        let mut threads = SEEN.lock().clone();
        assert_eq!(threads.len(), 12);
        threads.sort_by_key(|thread| format!("{thread:?}"));
        threads.dedup();
        assert_eq!(threads.len(), 12, "no thread runs twice");
    }
}
