//! A server that says nothing, at every place of an answer, or speaks too slowly: the deadline ends it.

use std::time::Duration;

use bonafide::policy::Reason::Timeout;
use registry_double::{Misbehaviour, Place};

use crate::row::{Row, Wanted::Outage};
use crate::runner::run;
use crate::scene::Asked;
use crate::transport::{frame, frames};

const PING: u8 = 6;
const PLACES: [(&str, Place); 5] = [
    ("in its first line", Place::StatusLine),
    ("in its first header", Place::Headers),
    ("before its first byte", Place::FirstByte),
    ("in its middle", Place::Middle),
    ("before its last byte", Place::LastByte),
];
/// Slower than any deadline, and never silent.
const DROP: Duration = Duration::from_millis(50);

fn every_way_to_say_nothing() -> Vec<(String, Misbehaviour)> {
    let places = PLACES.map(|(place, at)| (format!("stops {place}"), Misbehaviour::StallAt(at)));
    let others = [
        ("never answers".to_owned(), Misbehaviour::Stall),
        ("drips its body".to_owned(), Misbehaviour::Drip(DROP)),
        ("drips everything".to_owned(), Misbehaviour::DripAll(DROP)),
    ];
    places.into_iter().chain(others).collect()
}

fn rows(asked: Asked, plain: bool) -> Vec<Row> {
    let row = |(what, misbehaviour): (String, Misbehaviour)| {
        let over = if plain { "HTTP/1.1" } else { "HTTP/2" };
        let name = format!("{asked:?} over {over} {what}").leak();
        let stage = move |scene: &crate::scene::Scene| scene.at(asked, misbehaviour.clone());
        if plain { Row::plain(name, Outage(Timeout), stage) } else { Row::tls(name, Outage(Timeout), stage) }
    };
    every_way_to_say_nothing().into_iter().map(row).collect()
}

fn one(name: &'static str, asked: Asked, misbehaviour: Misbehaviour) -> Row {
    Row::plain(name, Outage(Timeout), move |scene| scene.at(asked, misbehaviour.clone()))
}

/// A good signature in one place may be found before the other one has used up the time; whether that is in time is luck.
fn without_signature(name: &'static str, asked: Asked) -> Row {
    Row::plain(name, Outage(Timeout), move |scene| {
        scene.forget_signature();
        scene.at(asked, Misbehaviour::Stall);
    })
}

#[tokio::test]
async fn a_stall_at_any_byte_ends_at_the_deadline() {
    run(|| {
        let mut table = rows(Asked::Signatures, true);
        table.extend(rows(Asked::Payload, true));
        table.push(one("a tag that is never resolved", Asked::Tag, Misbehaviour::Stall));
        table.push(one("a tag whose first line stops", Asked::Tag, Misbehaviour::StallAt(Place::StatusLine)));
        table.push(one("a tag whose header stops", Asked::Tag, Misbehaviour::StallAt(Place::Headers)));
        table.push(without_signature("a list of referrers that never comes", Asked::Referrers));
        table.push(without_signature("a tag for referrers that is never resolved", Asked::ReferrersTag));
        table
    })
    .await;
}

#[tokio::test]
async fn a_stalled_stream_ends_at_the_deadline_and_the_next_request_finds_a_way() {
    run(|| {
        let mut table = rows(Asked::Signatures, false);
        table.extend(rows(Asked::Token, false));
        table.push(frames("pings in place of an answer", Outage(Timeout), frame(PING, 0, 0, &[0; 8]).repeat(20_000)));
        table
    })
    .await;
}
