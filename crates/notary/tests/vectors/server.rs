//! A server that answers from one step of a vector file, as the real one does: by name, by version, by hash.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use notary::{At, Fetch, FetchError, FileName, Role};

use super::file::{Step, VectorFile};

pub(crate) struct Server<'v> {
    file: &'v VectorFile,
    step: &'v Step,
}

impl<'v> Server<'v> {
    pub(crate) fn new(file: &'v VectorFile, step: &'v Step) -> Server<'v> {
        Server { file, step }
    }

    fn answer(&self, name: &FileName) -> Result<Bytes, FetchError> {
        match self.step.http_status {
            None => self.blob(name).map(Bytes::from).ok_or(FetchError::NotFound),
            Some(404) => Err(FetchError::NotFound),
            Some(status) => Err(FetchError::Unavailable(Arc::from(Box::<dyn Error + Send + Sync>::from(format!("status {status}"))))),
        }
    }

    /// A hash in a name only strips: whoever asks has to check what comes back.
    fn blob(&self, name: &FileName) -> Option<String> {
        let hash = match name.at() {
            At::Version(version) if *name.role() == Role::Root => self.step.versioned_roots.get(&version.to_string())?,
            At::Newest | At::Hash(_) => self.step.files.get(name.role().as_str())?,
            At::Version(_) => return None,
        };
        let mut text = self.file.blobs[hash].clone();
        if *name.role() == Role::Timestamp {
            text.push_str(&" ".repeat(self.step.timestamp_padding));
        }
        Some(text)
    }
}

impl Fetch for Server<'_> {
    async fn fetch(&self, file: &FileName, limit: u64) -> Result<Bytes, FetchError> {
        let bytes = self.answer(file)?;
        if u64::try_from(bytes.len()).unwrap() > limit { Err(FetchError::TooLong) } else { Ok(bytes) }
    }
}
