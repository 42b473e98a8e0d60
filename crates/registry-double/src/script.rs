//! What a hostile or broken registry does, as scripted by a test.

use std::collections::{BTreeMap, VecDeque};

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
    /// Never answer.
    Stall,
    /// Break the connection before any answer.
    Reset,
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
