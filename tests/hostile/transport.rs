//! Below HTTP: connections, certificates, frames.

use bonafide::policy::Reason::{RegistryUnavailable, Timeout};
use registry_double::{Misbehaviour, Reception};

use crate::row::Wanted::Outage;
use crate::row::{Row, Wanted};
use crate::runner::run;
use crate::scene::{Asked, MARK, Scene};

/// The header of an HTTP/2 frame (RFC 9113, section 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;

fn received(name: &'static str, reception: Reception, wanted: Wanted) -> Row {
    Row::tls(name, wanted, move |scene: &Scene| scene.hostile.0.receive(reception))
}

fn raw(name: &'static str, bytes: impl Into<Vec<u8>>) -> Row {
    let bytes = bytes::Bytes::from(bytes.into());
    Row::plain(name, Outage(RegistryUnavailable), move |scene: &Scene| scene.at(Asked::Signatures, Misbehaviour::Raw(bytes.clone())))
}

pub(crate) fn frames(name: &'static str, wanted: Wanted, frames: Vec<u8>) -> Row {
    let frames = bytes::Bytes::from(frames);
    Row::tls(name, wanted, move |scene: &Scene| scene.at(Asked::Tag, Misbehaviour::Raw(frames.clone())))
}

#[tokio::test]
async fn wrong_certificates_and_broken_connections_are_outages() {
    let down = Outage(RegistryUnavailable);
    run(|| {
        vec![
            received("TLS of another host", Reception::CertificateOfAnotherHost, down),
            received("TLS that has expired", Reception::ExpiredCertificate, down),
            received("no TLS where there should be", Reception::WithoutTls, down),
            received("a connection that is closed", Reception::Closed, down),
            received("a connection on which nobody speaks", Reception::Silent, Outage(Timeout)),
            Row::plain("a connection that breaks", down, |scene| scene.at(Asked::Signatures, Misbehaviour::Reset)),
            raw("no HTTP", format!("SSH-2.0-{MARK}\r\n")),
            raw("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"),
            raw("a length and chunks that contradict", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n{}"),
            raw("chunks of a size that is none", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n{}"),
            raw("headers without end", format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(200_000))),
            raw("one header of a megabyte", format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20))),
            raw("early answers without end", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50_000)),
        ]
    })
    .await;
}

#[tokio::test]
async fn resets_and_floods_of_frames_are_outages() {
    let down = Outage(RegistryUnavailable);
    let flood = |frame: &[u8], count: usize| frame.repeat(count);
    let unfinished = frame(HEADERS, 0, 1, &[0x88]);
    run(|| {
        vec![
            Row::tls("a stream that is reset", down, |scene| scene.at(Asked::Signatures, Misbehaviour::Reset)),
            Row::tls("a stream that is reset in its middle", down, |scene| scene.at(Asked::Payload, Misbehaviour::Truncated)),
            Row::tls("a token stream that is reset", down, |scene| scene.at(Asked::Token, Misbehaviour::Reset)),
            frames("a connection that says goodbye", down, frame(GO_AWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11])),
            frames("frames that are none", down, vec![0xff; 64]),
            frames("headers in frames without end", down, [unfinished, flood(&frame(CONTINUATION, 0, 1, &[0; 1024]), 1000)].concat()),
            frames("settings without end", down, flood(&frame(SETTINGS, 0, 0, &[]), 2_000)),
        ]
    })
    .await;
}
