//! Does what is due, a bounded number of things at a time.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// What there is to do.
#[derive(Debug, PartialEq)]
pub(super) enum Next<T> {
    /// This.
    Now(T),
    /// Nothing before this time, which is not over.
    At(Instant),
    /// Nothing until something happens.
    Never,
}

/// Runs what `next` names, as many as `at_once` says at one time. `woken` says that there may be something else to do.
pub(super) async fn drive<T, F: Future<Output = ()>>(
    woken: &Notify,
    at_once: impl Fn() -> usize,
    mut next: impl FnMut(Instant) -> Next<T>,
    run: impl Fn(T) -> F,
) {
    let mut running = FuturesUnordered::new();
    loop {
        let mut until = None;
        while running.len() < at_once() {
            match next(Instant::now()) {
                Next::Now(thing) => running.push(run(thing)),
                Next::At(when) => {
                    until = Some(when);
                    break;
                }
                Next::Never => break,
            }
        }
        tokio::select! {
            Some(()) = running.next() => {}
            () = woken.notified() => {}
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_than_allowed_is_done_at_a_time_and_all_of_it_is_done() {
        let (woken, now, most, done) = (Notify::new(), Cell::new(0_usize), Cell::new(0_usize), Cell::new(0_usize));
        let left = Cell::new(20);
        let next = |_| {
            left.set(left.get() - 1);
            if left.get() < 0 { Next::Never } else { Next::Now(()) }
        };
        let run = |()| async {
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            tokio::time::sleep(Duration::from_secs(1)).await;
            now.set(now.get() - 1);
            done.set(done.get() + 1);
        };
        let _ = tokio::time::timeout(Duration::from_mins(1), drive(&woken, || 3, next, run)).await;
        assert_eq!((most.get(), done.get()), (3, 20));
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_at_its_time_and_when_told_and_does_not_spin_meanwhile() {
        let (woken, start, asked) = (Notify::new(), Instant::now(), Cell::new(0_usize));
        let done = RefCell::new(vec![]);
        let next = |now: Instant| {
            asked.set(asked.get() + 1);
            let after = start + Duration::from_secs(10);
            if now >= after && done.borrow().is_empty() {
                Next::Now(())
            } else if now < after {
                Next::At(after)
            } else {
                Next::Never
            }
        };
        let run = |()| {
            done.borrow_mut().push(start.elapsed());
            std::future::ready(())
        };
        let told = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            woken.notify_one();
        };
        let driven = tokio::time::timeout(Duration::from_mins(1), drive(&woken, || 3, next, run));
        let _ = tokio::join!(driven, told);
        assert_eq!(done.borrow().len(), 1);
        assert!(done.borrow().iter().all(|after| *after >= Duration::from_secs(10)));
        assert!(asked.get() < 10, "{}", asked.get());
    }
}
