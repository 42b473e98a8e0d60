//! What a hostile or broken registry does, as scripted by a test.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;

/// One way to misbehave.
#[derive(Debug, Clone)]
pub enum Misbehaviour {
    /// Answer with this status and these headers, without a body.
    Status(u16, Vec<(&'static str, String)>),
    /// Answer 307 with this `Location`.
    Redirect(String),
    /// Answer honestly, but with this `Docker-Content-Digest`; `None` leaves it out.
    ContentDigest(Option<String>),
    /// Answer 200 with this content type and body.
    Body(String, Bytes),
    /// The same with this `Link` header.
    LinkedBody(String, Bytes, String),
    /// Answer honestly, but with this additional header.
    Header(&'static str, String),
    /// Announce the honest body, send half of it and break the connection.
    Truncated,
    /// Send bytes for ever.
    Endless,
    /// Send the head of an answer and then nothing.
    SlowBody,
    /// Send an honest body byte by byte, with this pause before each.
    Drip(Duration),
    /// Send everything on this connection byte by byte, with this pause before each.
    DripAll(Duration),
    /// Never answer.
    Stall,
    /// Answer honestly as far as this place, and send nothing more on this connection.
    StallAt(Place),
    /// Send these bytes in place of an answer, whatever they are.
    Raw(Bytes),
    /// Break the connection before any answer.
    Reset,
}

/// A place in an answer. Those in its head are counted as HTTP/1.1 writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Within the first line.
    StatusLine,
    /// Within the first header.
    Headers,
    /// Before the first byte of the body.
    FirstByte,
    /// After half of the body.
    Middle,
    /// Before the last byte of the body.
    LastByte,
}

/// How connections are received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reception {
    /// As they should be.
    #[default]
    Honest,
    /// Accepted, and nothing is ever said.
    Silent,
    /// Accepted and closed.
    Closed,
    /// Without TLS, also where the client speaks it.
    WithoutTls,
    /// With a certificate for another host, of the same authority.
    CertificateOfAnotherHost,
    /// With a certificate that has expired, of the same authority.
    ExpiredCertificate,
}

#[derive(Debug, Default)]
pub(crate) struct Scripts {
    always: BTreeMap<(Option<String>, String), Misbehaviour>,
    once: BTreeMap<String, VecDeque<Misbehaviour>>,
}

impl Scripts {
    pub(crate) fn always(&mut self, method: Option<&str>, path: &str, misbehaviour: Misbehaviour) {
        self.always.insert((method.map(str::to_owned), path.to_owned()), misbehaviour);
    }

    pub(crate) fn once(&mut self, path: &str, misbehaviour: Misbehaviour) {
        self.once.entry(path.to_owned()).or_default().push_back(misbehaviour);
    }

    pub(crate) fn next(&mut self, method: &str, path: &str) -> Option<Misbehaviour> {
        if let Some(once) = self.once.get_mut(path).and_then(VecDeque::pop_front) {
            return Some(once);
        }
        let for_method = self.always.get(&(Some(method.to_owned()), path.to_owned()));
        for_method.or_else(|| self.always.get(&(None, path.to_owned()))).cloned()
    }
}
