//! Repositories made on the spot: keys, certificates, files, and a server that serves them.
//!
//! A [`Repo`] is what a publisher holds; [`Repo::publish`] makes the files of one moment, honest unless a field says
//! otherwise. Everything that an attack changes is a public field, or a hook that edits a file before it is signed.

pub(crate) mod certificate;
pub(crate) mod key;
pub(crate) mod repo;
pub(crate) mod site;
