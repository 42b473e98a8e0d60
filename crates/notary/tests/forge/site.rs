//! A server: files by the names under which clients ask for them, and a record of what was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use notary::{Fetch, FetchError, FileName, Sha256};

#[derive(Default)]
pub(crate) struct Site {
    files: BTreeMap<String, Answer>,
    asked: Mutex<Vec<String>>,
}

enum Answer {
    Bytes(Bytes),
    /// The server fails.
    Fails,
    /// Bytes without an end, and without regard to the limit.
    Endless,
}

impl Site {
    pub(crate) fn put(&mut self, name: &str, bytes: Vec<u8>) {
        self.files.insert(name.to_owned(), Answer::Bytes(bytes.into()));
    }

    /// Under its hash, which is how everything but root and timestamp is asked for.
    pub(crate) fn put_named(&mut self, role: &str, bytes: Vec<u8>) {
        self.put(&format!("{role}.{}.json", Sha256::of(&bytes)), bytes);
    }

    /// Serves other bytes under the name of the file of `role`.
    pub(crate) fn replace(&mut self, role: &str, bytes: Vec<u8>) {
        let name = self.name_of(role);
        self.put(&name, bytes);
    }

    pub(crate) fn remove(&mut self, role: &str) {
        let name = self.name_of(role);
        self.files.remove(&name);
    }

    pub(crate) fn fail(&mut self, role: &str) {
        let name = self.name_of(role);
        self.files.insert(name, Answer::Fails);
    }

    pub(crate) fn endless(&mut self, role: &str) {
        let name = self.name_of(role);
        self.files.insert(name, Answer::Endless);
    }

    /// The files by their names, for a server on loopback.
    #[allow(dead_code, reason = "only the tests over HTTP serve what was made")]
    pub(crate) fn served(&self) -> Vec<(String, Bytes)> {
        let bytes = |answer: &Answer| match answer {
            Answer::Bytes(bytes) => bytes.clone(),
            Answer::Fails | Answer::Endless => panic!("a file on loopback has bytes"),
        };
        self.files.iter().map(|(name, answer)| (name.clone(), bytes(answer))).collect()
    }

    pub(crate) fn bytes_of(&self, role: &str) -> Vec<u8> {
        match &self.files[&self.name_of(role)] {
            Answer::Bytes(bytes) => bytes.to_vec(),
            Answer::Fails | Answer::Endless => panic!("{role} has no bytes"),
        }
    }

    /// The bytes of the file of `role`, when the site has one.
    #[allow(dead_code, reason = "for the fuzz target")]
    pub(crate) fn bytes_if_there(&self, role: &str) -> Option<Vec<u8>> {
        let name = self.files.keys().find(|name| is_of(role, name))?;
        if let Answer::Bytes(bytes) = &self.files[name] { Some(bytes.to_vec()) } else { None }
    }

    /// Every file name that was asked for, in order; forgets them.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn name_of(&self, role: &str) -> String {
        self.files.keys().find(|name| is_of(role, name)).unwrap().clone()
    }
}

fn is_of(role: &str, name: &str) -> bool {
    let rest = name.strip_prefix(role).and_then(|rest| rest.strip_suffix(".json"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Fetch for Site {
    async fn fetch(&self, file: &FileName, limit: u64) -> Result<Bytes, FetchError> {
        self.asked.lock().unwrap().push(file.to_string());
        match self.files.get(&file.to_string()) {
            None => Err(FetchError::NotFound),
            Some(Answer::Fails) => Err(FetchError::Unavailable(Arc::new(std::io::Error::other("status 503")))),
            Some(Answer::Endless) => Ok(vec![b' '; usize::try_from(limit).unwrap() + 1].into()),
            Some(Answer::Bytes(bytes)) if u64::try_from(bytes.len()).unwrap() > limit => Err(FetchError::TooLong),
            Some(Answer::Bytes(bytes)) => Ok(bytes.clone()),
        }
    }
}
