#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test")]

use std::task::Poll;

use futures::future::join_all;
use futures::poll;

use super::*;

/// Takes until it would have to wait.
fn take_all(shares: &Shares<u32>, party: u32) -> Vec<Share<u32>> {
    std::iter::from_fn(|| shares.grab(&party, 1)).collect()
}

#[test]
fn nobody_takes_more_than_half_and_each_further_one_half_of_what_is_left() {
    let shares = Shares::new(64, 64);
    let held: Vec<_> = (0..8).map(|party| take_all(&shares, party)).collect();
    assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [32, 16, 8, 4, 2, 1, 1, 0]);
}

#[test]
fn a_party_has_a_cap_of_its_own() {
    let shares = Shares::new(64, 16);
    let held: Vec<_> = (0..5).map(|party| take_all(&shares, party)).collect();
    assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [16, 16, 16, 8, 4]);
}

#[test]
fn a_single_unit_can_be_had() {
    let shares = Shares::new(1, 1);
    let one = shares.grab(&0, 1);
    assert!(one.is_some() && shares.grab(&1, 1).is_none());
    drop(one);
    assert!(shares.grab(&1, 1).is_some());
}

#[test]
fn many_units_are_as_many_single_ones() {
    let shares = Shares::new(64, 64);
    assert!(shares.grab(&0, 33).is_none());
    let share = shares.grab(&0, 32).unwrap();
    assert_eq!((share.units(), shares.free()), (32, 32));
    assert!(shares.grab(&0, usize::MAX).is_none());
    assert!(shares.grab(&1, 0).is_some());
}

#[test]
fn a_share_that_grows_gives_all_of_it_back() {
    let shares = Shares::new(64, 20);
    let mut share = shares.grab(&0, 4).unwrap();
    assert!(share.grow(16));
    assert!(!share.grow(1));
    drop(share);
    assert_eq!(shares.free(), 64);
    assert!(shares.lock().knows_nobody());
}

#[tokio::test]
async fn who_holds_least_is_next_however_long_others_have_waited() {
    let shares = Shares::new(8, 8);
    let mut first = take_all(&shares, 1);
    let (second, third) = (take_all(&shares, 2), take_all(&shares, 3));
    assert_eq!((first.len(), second.len(), third.len()), (4, 2, 1));
    let last = shares.grab(&4, 1).unwrap();
    let (mut greedy, mut modest) = (Box::pin(shares.take(&2)), Box::pin(shares.take(&5)));
    assert!(poll!(&mut greedy).is_pending());
    assert!(poll!(&mut modest).is_pending());
    drop(first.pop());
    let Poll::Ready(_modest) = poll!(&mut modest) else { panic!("it holds nothing, so it is next") };
    assert!(poll!(&mut greedy).is_pending());
    drop((last, third));
    assert!(poll!(&mut greedy).is_pending(), "it holds as much as is free");
    drop(first);
    assert!(poll!(&mut greedy).is_ready());
}

#[tokio::test]
async fn a_turn_that_nobody_waits_for_any_more_goes_to_the_next() {
    let shares = Shares::new(1, 1);
    let held = shares.take(&0).await;
    let (mut gone, mut next) = (Box::pin(shares.take(&1)), Box::pin(shares.take(&2)));
    assert!(poll!(&mut gone).is_pending() && poll!(&mut next).is_pending());
    drop(gone);
    drop(held);
    assert!(matches!(poll!(&mut next), Poll::Ready(_)));
}

#[tokio::test]
async fn many_who_gave_up_cost_the_next_one_nothing() {
    let shares = Shares::new(1, 1);
    let held = shares.take(&0).await;
    for _ in 0..100_000 {
        let mut gone = Box::pin(shares.take(&1));
        assert!(poll!(&mut gone).is_pending());
    }
    let mut next = Box::pin(shares.take(&2));
    assert!(poll!(&mut next).is_pending());
    drop(held);
    assert!(poll!(&mut next).is_ready());
}

#[tokio::test]
async fn everything_comes_back_after_a_rush() {
    let shares = Shares::new(4, 4);
    let work = |number: u32| {
        let shares = shares.clone();
        async move {
            let share = shares.take(&(number % 7)).await;
            tokio::task::yield_now().await;
            drop(share);
        }
    };
    join_all((0..1000).map(work)).await;
    assert_eq!(shares.free(), 4);
    assert!(shares.lock().knows_nobody());
}
