//! Which cases are judged, and when.

use super::*;

#[tokio::test(start_paused = true)]
async fn pods_that_run_the_same_are_judged_once_and_each_has_its_report() {
    let mut world = world_of(100);
    assert_eq!(world.judge(&good()), 1);
    assert_eq!(world.write().len(), 100);
    // One more costs nothing but its report.
    world.pod(pod("web-late", "u"));
    assert_eq!((world.judge(&good()), world.write()), (0, vec!["web-late".to_owned()]));
    let seen = world.book.seen();
    assert!(seen.iter().all(|pod| Arc::ptr_eq(&pod.results, &seen[0].results)));
}

#[tokio::test(start_paused = true)]
async fn when_nothing_changes_nothing_is_written_however_often_it_is_judged() {
    let mut world = world_of(10);
    world.judge(&good());
    world.write();
    for _ in 0..5 {
        world.seconds += 300;
        assert_eq!((world.judge(&good()), world.write()), (1, vec![]));
    }
    world.seconds += 299;
    assert_eq!(world.judge(&good()), 0, "before the verdict's lifetime ends");
}

#[tokio::test(start_paused = true)]
async fn only_pods_whose_policies_changed_are_judged_anew() {
    let mut world = world_of(2);
    world.judge(&good());
    world.write();
    let now = world.now().instant;
    world.book.cases.compiled(Some(snapshot(Some(1))), &Selection::default(), now);
    assert_eq!(world.judge(&bad()), 0);
    world.book.cases.compiled(Some(snapshot(Some(2))), &Selection::default(), now);
    assert_eq!((world.judge(&bad()), world.write().len()), (1, 2));
    world.book.cases.compiled(Some(snapshot(None)), &Selection::default(), now);
    assert_eq!((world.judge(&bad()), world.write()), (1, vec!["-web-0".to_owned(), "-web-1".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn pods_of_namespaces_that_are_not_selected_have_no_report() {
    let mut world = world_of(1);
    world.judge(&bad());
    assert_eq!(world.write(), ["web-0"]);
    let settings = Settings::parse("verification: {namespaces: {exclude: [sh*]}}").unwrap();
    let now = world.now().instant;
    world.book.cases.compiled(Some(snapshot(Some(1))), &settings.verification.namespaces, now);
    assert_eq!((world.judge(&bad()), world.write()), (1, vec!["-web-0".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_verdict_by_policies_that_are_not_in_force_any_more_does_not_count() {
    let mut world = world_of(1);
    let Next::Now(asked) = world.book.cases.next(world.now().instant, false, 0.0) else { panic!("nothing to judge") };
    let now = world.now();
    world.book.cases.compiled(Some(snapshot(Some(2))), &Selection::default(), now.instant);
    let old = outcome(&asked, &good());
    world.book.judged(&asked, Some(old), INTERVAL, now, 0.0);
    assert_eq!(world.write(), Vec::<String>::new());
    assert_eq!((world.judge(&bad()), world.write().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_the_snapshot_does_not_know_waits_for_it_and_does_not_spin() {
    let mut world = World::new();
    let mut pod = pod("web", "u");
    pod["metadata"]["namespace"] = json!("new");
    world.pod(pod);
    let mut with = Snapshot::clone(&snapshot(Some(1)));
    with.cluster.push(policy(7));
    let now = world.now().instant;
    world.book.cases.compiled(Some(Arc::new(with.clone())), &Selection::default(), now);
    assert!(matches!(world.book.cases.next(world.now().instant, false, 0.0), Next::Never));
    with.namespaces = Arc::new([("new".to_owned(), crate::policy::Labels::default())].into());
    world.book.cases.compiled(Some(Arc::new(with)), &Selection::default(), now);
    assert_eq!((world.judge(&good()), world.write()), (1, vec!["web".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_is_down_for_an_hour_is_asked_less_and_less_and_changes_no_verdict() {
    let mut world = world_of(1);
    world.judge(&bad());
    world.write();
    assert_eq!(world.told(), ["web-0 False"]);
    let mut asked = 0;
    for _ in 0..3_600 {
        world.seconds += 1;
        asked += world.judge(&unknown());
        world.write();
    }
    assert!((20..45).contains(&asked), "{asked}");
    assert_eq!(world.told(), Vec::<String>::new(), "unknown is no verdict");
    let violations = world.book.pods.values().next().unwrap().standing.violations().to_vec();
    assert!(violations.len() == 1 && violations[0].closed.is_none(), "{violations:?}");
    world.seconds += 120;
    world.judge(&bad());
    assert_eq!(world.told(), Vec::<String>::new(), "it was told before");
    world.seconds += 300;
    world.judge(&good());
    assert_eq!(world.told(), ["web-0 True"]);
}

#[tokio::test(start_paused = true)]
async fn pods_of_every_kind_are_judged() {
    let mut world = World::new();
    world.pod(
        json!({"metadata": {"namespace": "shop", "name": "young", "uid": "1"}, "spec": {"containers": [{"name": "c", "image": "a.io/x"}]}}),
    );
    let many: Vec<Value> = (0..60).map(|number| json!({"name": format!("c{number}"), "image": format!("a.io/x{number}:1")})).collect();
    let id = |number: usize| ["", "@", "docker://sha256:aa", "cri-o:x", "a.io/y@md5:1"][number % 5];
    let statuses: Vec<Value> = (0..60)
        .map(|number| json!({"name": format!("c{number}"), "image": "x", "imageID": id(number), "ready": false, "restartCount": 0}))
        .collect();
    world.pod(json!({"metadata": {"namespace": "shop", "name": "crowd", "uid": "2"}, "spec": {"containers": many}, "status": {"containerStatuses": statuses}}));
    world.pod(json!({"metadata": {"namespace": "shop", "name": "empty", "uid": "3", "deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"containers": []}}));
    assert_eq!(world.judge(&bad()), 3);
    assert_eq!(world.write(), ["crowd", "empty", "young"]);
    let containers: usize = world.book.seen().iter().flat_map(|pod| pod.results.iter()).map(|result| result.containers.len()).sum();
    assert_eq!(containers, 61);
}

#[tokio::test(start_paused = true)]
async fn pods_that_a_new_list_does_not_name_are_gone() {
    let mut world = world_of(2);
    world.judge(&good());
    world.book.list_pods();
    world.pod(pod("web-1", "u1"));
    let now = world.now().instant;
    world.book.pods_listed(now);
    assert_eq!(world.book.seen().iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>(), ["web-1"]);
    world.book.pod_gone(&ObjectName::new("shop", "web-1"), now);
    assert_eq!((world.book.cases.len(), world.book.looked_at()), (0, (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn another_pod_of_the_same_name_is_another_pod() {
    let mut world = world_of(1);
    world.judge(&bad());
    world.write();
    world.seconds += 60;
    world.pod(pod("web-0", "other"));
    assert_eq!((world.judge(&bad()), world.write()), (1, vec!["web-0".to_owned()]));
    assert_eq!(world.book.seen()[0].since.map(|since| since.timestamp()), Some(1_060));
    assert_eq!(world.told(), ["web-0 False"]);
}

/// `a.io` is asked once a second, so that one image of it is judged at a time.
fn slow() -> World {
    let mut world = World::new();
    let settings = Settings::parse("limits: {registryRequestsPerSecond: {hosts: {a.io: 1}}}").unwrap();
    world.book.cases.paced(&settings.limits.registry_requests_per_second);
    world
}

fn run(world: &mut World, name: &str, image: &str) {
    let spec = json!({"containers": [{"name": "main", "image": image}]});
    world.pod(json!({"metadata": {"namespace": "shop", "name": name, "uid": name}, "spec": spec}));
}

fn begin(world: &mut World) -> Vec<Asked> {
    let mut begun = vec![];
    while let Next::Now(asked) = world.book.cases.next(world.now().instant, false, 0.0) {
        begun.push(asked);
    }
    begun
}

fn images(begun: &[Asked]) -> Vec<&str> {
    begun.iter().map(|asked| asked.case.images[0].image.as_str()).collect()
}

fn end(world: &mut World, asked: &Asked) {
    let now = world.now();
    world.book.judged(asked, Some(outcome(asked, &good())), INTERVAL, now, 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_asked_seldom_holds_up_only_its_own_images() {
    let mut world = slow();
    for (name, image) in [("a1", "a.io/x:1"), ("a2", "a.io/x:2"), ("a3", "a.io/x:3"), ("b1", "b.io/x:1"), ("b2", "b.io/x:2")] {
        run(&mut world, name, image);
    }
    let first = begin(&mut world);
    assert_eq!(images(&first), ["a.io/x:1", "b.io/x:1", "b.io/x:2"]);
    // Whose pod is gone waits no more.
    let now = world.now();
    world.book.pod_gone(&ObjectName::new("shop", "a2"), now.instant);
    assert!(begin(&mut world).is_empty());
    end(&mut world, &first[0]);
    assert_eq!(images(&begin(&mut world)), ["a.io/x:3"]);
    // Other rates hold at once.
    run(&mut world, "a4", "a.io/x:4");
    assert!(begin(&mut world).is_empty());
    world.book.cases.paced(&Settings::parse("").unwrap().limits.registry_requests_per_second);
    assert_eq!(images(&begin(&mut world)), ["a.io/x:4"]);
}

#[tokio::test(start_paused = true)]
async fn other_policies_cost_no_place_in_the_line() {
    let mut world = slow();
    for number in 1..=6 {
        world.seconds += 1;
        run(&mut world, &format!("a{number}"), &format!("a.io/x:{number}"));
    }
    let first = begin(&mut world);
    assert_eq!(images(&first), ["a.io/x:1"]);
    world.seconds += 1;
    let now = world.now();
    world.book.cases.compiled(Some(snapshot(Some(2))), &Selection::default(), now.instant);
    // It was judged by former policies, so once more, at the end of the line.
    end(&mut world, &first[0]);
    for number in [2, 3, 4, 5] {
        let next = begin(&mut world);
        assert_eq!(images(&next), [format!("a.io/x:{number}")]);
        end(&mut world, &next[0]);
    }
    assert_eq!(images(&begin(&mut world)), ["a.io/x:6"]);
    assert!(begin(&mut world).is_empty(), "the first one waits");
    // Where no policy holds any more nobody is asked, so nobody waits.
    world.book.cases.compiled(Some(snapshot(None)), &Selection::default(), now.instant);
    assert_eq!(begin(&mut world).len(), 5);
}
