#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Mutex;

use futures::future::join_all;

use super::*;

const FIFTH: Duration = Duration::from_millis(200);

/// What has had its turn, and when.
#[derive(Default)]
struct Log(Mutex<Vec<(&'static str, Duration)>>);

impl Log {
    async fn one(&self, turns: &Turns<u32>, name: &'static str, asker: (u32, bool, u64), start: Instant) {
        let (party, urgent, age) = asker;
        turns.take(Asker { party: &party, urgent, age }, start + Duration::from_hours(1)).await.unwrap();
        self.0.lock().unwrap().push((name, start.elapsed()));
    }

    fn names(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(|(name, _)| *name).collect()
    }
}

async fn order(askers: &[(&'static str, (u32, bool, u64))]) -> Vec<&'static str> {
    let (turns, log, start) = (Turns::every(FIFTH), Log::default(), Instant::now());
    // The first turn is at once; what counts is who comes while others wait.
    log.one(&turns, "first", (0, false, 0), start).await;
    join_all(askers.iter().map(|(name, asker)| log.one(&turns, name, *asker, start))).await;
    log.names().split_off(1)
}

async fn take(turns: &Turns<u32>, age: u64, deadline: Instant) -> Result<(), TooLate> {
    turns.take(Asker { party: &1, urgent: false, age }, deadline).await
}

#[tokio::test(start_paused = true)]
async fn a_hundred_turns_at_five_a_second_take_twenty_seconds_and_come_one_by_one() {
    let (turns, log, start) = (Turns::every(FIFTH), Log::default(), Instant::now());
    join_all((0..100).map(|age| log.one(&turns, "", (1, false, age), start))).await;
    let times: Vec<Duration> = log.0.lock().unwrap().iter().map(|(_, at)| *at).collect();
    assert!(times.windows(2).all(|pair| pair[0] + FIFTH <= pair[1]), "{times:?}");
    assert!(start.elapsed() >= FIFTH * 99 && start.elapsed() < FIFTH * 101, "{:?}", start.elapsed());
    assert!(turns.lock().line.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_saved_up_while_nobody_asks() {
    let (turns, start) = (Turns::every(FIFTH), Instant::now());
    let far = start + Duration::from_hours(2);
    take(&turns, 0, far).await.unwrap();
    tokio::time::advance(Duration::from_mins(10)).await;
    let start = Instant::now();
    take(&turns, 1, far).await.unwrap();
    take(&turns, 2, far).await.unwrap();
    assert!(start.elapsed() >= FIFTH);
}

#[tokio::test(start_paused = true)]
async fn parties_have_turns_by_turns_however_many_wait_for_one() {
    let askers = [
        ("a", (1, false, 1)),
        ("a", (1, false, 2)),
        ("a", (1, false, 3)),
        ("b", (2, false, 4)),
        ("c", (3, false, 5)),
        ("b", (2, false, 6)),
    ];
    assert_eq!(order(&askers).await, ["a", "b", "c", "a", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_party_that_asks_again_at_once_does_not_jump_the_line() {
    let (turns, log, start) = (Turns::every(FIFTH), Log::default(), Instant::now());
    let many = join_all((0..4).map(|age| log.one(&turns, "many", (1, false, age), start)));
    let one_by_one = async {
        for age in 10..14 {
            log.one(&turns, "one", (2, false, age), start).await;
        }
    };
    futures::future::join(many, one_by_one).await;
    assert_eq!(log.names(), ["many", "many", "one", "many", "one", "many", "one", "one"]);
}

#[tokio::test(start_paused = true)]
async fn what_has_begun_is_ended_before_something_else_begins() {
    let askers = [("new", (1, false, 9)), ("newer", (1, false, 10)), ("old", (1, false, 3)), ("old", (1, false, 3))];
    assert_eq!(order(&askers).await, ["old", "old", "new", "newer"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_waited_for_comes_first_and_the_others_come_too() {
    let urgent = |age| ("urgent", (1, true, age));
    let askers = [("other", (2, false, 0)), ("other", (3, false, 1)), urgent(2), urgent(3), urgent(4), urgent(5), urgent(6)];
    assert_eq!(order(&askers).await, ["urgent", "urgent", "urgent", "other", "urgent", "urgent", "other"]);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_have_a_turn_in_time_is_told_at_once_and_takes_none() {
    let (turns, start) = (Turns::every(FIFTH), Instant::now());
    let deadline = start + Duration::from_secs(1);
    let answers = join_all((0..10).map(|age| {
        let turns = turns.clone();
        async move { (take(&turns, age, deadline).await, start.elapsed()) }
    }))
    .await;
    // At 0, 200, ... 800 ms; the sixth would be at the deadline.
    assert!(answers[..5].iter().all(|(answer, _)| answer.is_ok()), "{answers:?}");
    assert!(answers[5..].iter().all(|answer| *answer == (Err(TooLate), Duration::ZERO)), "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn who_is_overtaken_until_it_is_too_late_is_told_at_the_deadline() {
    let (turns, start) = (Turns::every(FIFTH), Instant::now());
    let deadline = start + Duration::from_millis(300);
    take(&turns, 0, deadline).await.unwrap();
    let urgent = Asker { party: &2, urgent: true, age: 5 };
    let (late, first) = tokio::join!(take(&turns, 1, deadline), turns.take(urgent, deadline));
    assert_eq!((late, first), (Err(TooLate), Ok(())));
    assert_eq!(start.elapsed(), Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn those_who_gave_up_cost_the_next_one_nothing() {
    let (turns, start) = (Turns::every(FIFTH), Instant::now());
    let far = start + Duration::from_hours(1);
    take(&turns, 0, far).await.unwrap();
    for age in 1..1000 {
        assert!(futures::poll!(Box::pin(take(&turns, age, far))).is_pending());
    }
    take(&turns, 1000, start + FIFTH * 2).await.unwrap();
    assert!(start.elapsed() < FIFTH * 2, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn another_interval_counts_for_those_who_wait() {
    let (turns, start) = (Turns::every(Duration::from_hours(1)), Instant::now());
    let far = start + Duration::from_hours(10);
    take(&turns, 0, far).await.unwrap();
    let waiting = take(&turns, 1, far);
    let change = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        turns.set(FIFTH);
    };
    tokio::join!(waiting, change).0.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    turns.set(Duration::from_mins(1));
    take(&turns, 2, far).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(61));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_is_idle_once_the_next_turn_is_at_once() {
    let turns = Turns::every(FIFTH);
    assert!(turns.is_idle());
    take(&turns, 0, Instant::now() + FIFTH).await.unwrap();
    assert!(!turns.is_idle());
    tokio::time::advance(FIFTH).await;
    assert!(turns.is_idle());
}
