//! Which reports are written and removed, and what is told.

use super::*;

#[tokio::test(start_paused = true)]
async fn reports_that_were_deleted_or_edited_are_put_back_and_our_own_echo_is_no_news() {
    let mut world = world_of(1);
    world.judge(&bad());
    let name = Name::from(ObjectName::new("shop", "web-0"));
    let Change::Apply(written) = world.change(&name) else { panic!("no report") };
    world.write();
    world.watched("web-0", written.clone());
    assert!(matches!(world.book.writes.next(world.now().instant, false, 0.0), Next::Never));
    let mut forged = written;
    forged.status.as_mut().unwrap().conditions[0].status = "True".to_owned();
    world.watched("web-0", forged);
    assert_eq!(world.write(), ["web-0"]);
    let now = world.now().instant;
    world.book.report_gone(&name, now);
    assert_eq!(world.write(), ["web-0"]);
    assert_eq!(world.told(), ["web-0 False"]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_is_tried_again_later_each_time() {
    let mut world = world_of(1);
    world.judge(&bad());
    let mut tries = 0;
    for _ in 0..3_600 {
        world.seconds += 1;
        while let Next::Now(name) = world.book.writes.next(world.now().instant, false, 0.0) {
            tries += 1;
            let now = world.now().instant;
            world.book.not_written(&name, false, now, 0.0);
            world.book.writes.done(&name, now);
        }
    }
    assert!((20..45).contains(&tries), "{tries}");
    world.seconds += 120;
    assert_eq!(world.write(), ["web-0"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_writes_and_tells_nothing_that_is_there_already() {
    let mut first = world_of(3);
    first.judge(&bad());
    first.write();
    let mut second = World { book: Book::default(), start: first.start, seconds: 90_000 };
    let now = second.now();
    second.book.configure(Scope::Pods, Duration::from_hours(1), now.instant);
    second.book.list_reports();
    for (name, stored) in first.book.reports {
        second.book.report(ObjectName::clone(&name), stored, now.instant);
    }
    second.book.reports_listed(now.instant);
    second.book.list_pods();
    for number in 0..3 {
        second.pod(pod(&format!("web-{number}"), &format!("u{number}")));
    }
    second.book.pods_listed(now.instant);
    second.book.cases.compiled(Some(snapshot(Some(1))), &Selection::default(), now.instant);
    second.judge(&bad());
    assert_eq!((second.write(), second.told()), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn another_scope_removes_the_reports_of_the_one_before() {
    let mut world = world_of(3);
    let mut bare = pod("bare", "b");
    bare["metadata"]["ownerReferences"] = json!([]);
    world.pod(bare);
    world.judge(&bad());
    assert_eq!(world.write(), ["bare", "web-0", "web-1", "web-2"]);
    world.scope(Scope::Workloads);
    let written = world.write();
    assert_eq!(written[..3], ["-web-0", "-web-1", "-web-2"]);
    assert!(written.len() == 4 && written[3].starts_with("replicaset-web-"), "{written:?}");
    let on_workload = written[3].clone();
    // It follows its pods, and goes with the last one.
    for number in 0..3 {
        let now = world.now().instant;
        world.book.pod_gone(&ObjectName::new("shop", format!("web-{number}")), now);
        assert_eq!(world.write(), [if number < 2 { on_workload.clone() } else { format!("-{on_workload}") }]);
    }
    world.scope(Scope::Off);
    assert_eq!(world.write(), ["-bare"]);
    world.scope(Scope::Pods);
    assert_eq!(world.write(), ["bare"]);
}

#[tokio::test(start_paused = true)]
async fn of_failures_a_report_stays_until_the_violation_is_over_for_a_while() {
    let mut world = world_of(1);
    world.scope(Scope::Failures);
    world.judge(&good());
    assert_eq!(world.write(), Vec::<String>::new());
    world.seconds += 300;
    world.judge(&bad());
    assert_eq!(world.write(), ["web-0"]);
    world.seconds += 300;
    world.judge(&good());
    assert_eq!(world.write(), ["web-0"], "the violation is closed");
    world.seconds += 3_599;
    assert_eq!(world.write(), Vec::<String>::new());
    world.seconds += 1;
    assert_eq!(world.write(), ["-web-0"]);
}

#[tokio::test(start_paused = true)]
async fn reports_without_pod_and_owner_are_removed_and_those_that_are_collected_are_left() {
    let mut world = world_of(1);
    world.judge(&good());
    let name = Name::from(ObjectName::new("shop", "web-0"));
    let Change::Apply(report) = world.change(&name) else { panic!("no report") };
    world.write();
    let mut orphan = report.clone();
    orphan.metadata.owner_references = None;
    world.watched("orphan", orphan);
    world.watched("collected", report);
    assert_eq!(world.write(), ["-orphan"]);
    let now = world.now().instant;
    world.book.pod_gone(&name, now);
    world.book.sweep(now);
    assert_eq!(world.write(), Vec::<String>::new(), "its owner is gone, and it goes with it");
}
