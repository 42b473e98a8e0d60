//! How much fits, and who may have how much of it.

use super::*;

#[tokio::test]
async fn a_namespace_has_its_quota_and_nothing_is_evicted_for_more() {
    let server = ConfigMaps::default();
    let store = replica(&server);
    for number in 0..3 {
        kept(&store, &key("shop", &format!("registry.test/app{number}")), &version(1)).await;
    }
    let fourth = key("shop", "registry.test/more");
    assert_eq!(StateStore::keep(&store, &fourth, &version(1)).await.unwrap_err(), StateFault::QuotaExceeded);
    assert_eq!(loaded(&store, &fourth).await, None);
    for number in 0..3 {
        let known = key("shop", &format!("registry.test/app{number}"));
        assert_eq!(kept(&store, &known, &version(2)).await, version(2), "what is known goes on");
    }
    kept(&store, &key("other", "registry.test/app"), &version(1)).await;
    for number in 0..10 {
        kept(&store, &cluster(&format!("registry.test/app{number}")), &version(1)).await;
    }
}

/// A state as large as a real one after five root rotations, the first of its roots kept for the chain.
fn rotated() -> State {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../crates/notary/tests/vectors/real-states.json")).unwrap();
    let mut roots = vectors["states"].as_array().unwrap().iter().map(|state| &vectors["blobs"][state["files"]["root"].as_str().unwrap()]);
    let (first, last) = (roots.clone().next().unwrap(), roots.next_back().unwrap());
    let entry = |name: &str| json!({"version": 1_234, "sha256": Sha256::of(name.as_bytes()).to_string()});
    let names = ["timestamp", "snapshot", "targets", "targets/releases", "targets/alice", "targets/bob"];
    let seen: serde_json::Map<String, serde_json::Value> = names.iter().map(|name| ((*name).to_owned(), entry(name))).collect();
    let published = ["targets/releases", "targets/alice", "targets/bob"];
    let document = json!({"format": 1, "root": last, "anchored": first, "recoveredAt": 4, "seen": seen, "published": published});
    State::from_json(&document.to_string()).unwrap()
}

#[test]
fn ten_thousand_repositories_fit() {
    let longest = cluster("registry.example.com:5000/team-49/service-9999");
    let packed = entry::pack(&longest, &rotated()).unwrap();
    let mut shards: std::collections::BTreeMap<String, Shard> = std::collections::BTreeMap::new();
    for number in 0..10_000 {
        let key = cluster(&format!("registry.example.com:5000/team-{}/service-{number}", number % 50));
        let place = Place::of(&key, NAMESPACE);
        let shard = shards.remove(&place.shard).unwrap_or_else(|| Shard::empty(&place));
        shards.insert(place.shard, shard.with(&place.entry, packed.clone()).unwrap());
    }
    let largest = shards.values().map(Shard::bytes).max().unwrap();
    let all: usize = shards.values().map(Shard::bytes).sum();
    println!("{} ConfigMaps, {all} bytes in all, {largest} in the largest; one state has {}", shards.len(), all / 10_000);
    assert!(shards.len() == 256 && largest < 384 * 1024, "less than 1 MiB, with room to grow");
}

#[test]
fn a_full_config_map_takes_nothing_new_and_lets_what_it_has_grow() {
    let key = cluster("registry.test/app");
    let place = Place::of(&key, NAMESPACE);
    let mut shard = Shard::empty(&place).with(&place.entry, vec![0; 1_000]).unwrap();
    for number in 0.. {
        match shard.with(&format!("{number:064x}"), vec![0; entry::MOST_BYTES]) {
            Ok(next) => shard = next,
            Err(_) => break,
        }
    }
    assert!(shard.with("new", vec![0; entry::MOST_BYTES]).is_err());
    let grown = shard.with(&place.entry, vec![0; entry::MOST_BYTES]).unwrap();
    assert!(grown.bytes() < 1024 * 1024);
}

#[tokio::test]
async fn a_state_that_is_too_large_is_not_kept() {
    // Names that no packing makes small.
    let random = |seed: usize| Sha256::of(&seed.to_be_bytes()).to_string();
    let published: Vec<String> = (0..4_000).map(|number| format!("targets/{}", random(number))).collect();
    let document = json!({"format": 1, "root": ROOT, "recoveredAt": 0, "seen": {}, "published": published});
    let state = State::from_json(&document.to_string()).unwrap();
    let server = ConfigMaps::default();
    let outcome = StateStore::keep(&replica(&server), &cluster("registry.test/app"), &state).await;
    assert_eq!(outcome.unwrap_err(), StateFault::NoRoom);
    assert!(server.names().is_empty());
}

#[test]
fn an_entry_that_unpacks_to_too_much_is_not_read() {
    use std::io::Write;
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(&vec![b' '; 64 * 1024 * 1024]).unwrap();
    let bomb = writer.finish().unwrap();
    assert!(matches!(entry::unpack(&bomb), Err(EntryError::Syntax(_))));
}
