//! A row of the matrix: what the server does, and what has to come of it.

use std::time::Duration;

use bonafide::policy::Reason;

use crate::scene::Scene;

pub(crate) const MIB: usize = 1024 * 1024;

/// What has to come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The misbehaviour does not matter.
    Trusted,
    /// It was looked, and there is nothing to trust.
    Refused(Reason),
    /// Nobody could find out; a policy may let the last verdict stand.
    Outage(Reason),
    /// Nobody could find out, by the server's own choice; nothing stands.
    Fault(Reason),
}

/// How the hostile registry is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP/1.1 without TLS, and so without credentials.
    Plain,
    /// HTTP/2 over TLS; the registry wants a login.
    Tls,
}

/// A sentence, and whether it is true of a scene.
type Truth = (&'static str, fn(&Scene) -> bool);

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) speaks: Speaks,
    pub(crate) stage: Box<dyn Fn(&Scene)>,
    pub(crate) wanted: Wanted,
    /// The deadline of the question.
    pub(crate) patience: Duration,
    /// Bytes that everybody together may hold beyond what they held before: the product, its connections and the
    /// registries that serve them.
    pub(crate) holding: usize,
    /// The most requests that the hostile registry may see.
    pub(crate) requests: usize,
    /// What else must be true of the scene afterwards.
    pub(crate) also: Vec<Truth>,
    /// Whether it takes time by design: such rows run side by side.
    pub(crate) waits: bool,
}

impl Row {
    fn new(name: &'static str, speaks: Speaks, wanted: Wanted, stage: impl Fn(&Scene) + 'static) -> Self {
        let waits = matches!(wanted, Wanted::Outage(Reason::Timeout | Reason::RateLimited));
        let patience = Duration::from_millis(match wanted {
            // Less than the second that servers want to be left alone for.
            Wanted::Outage(Reason::RateLimited) => 500,
            Wanted::Outage(Reason::Timeout) => 1000,
            // Room for a busy machine: nothing waits for it.
            _ => 4000,
        });
        Self { name, speaks, stage: Box::new(stage), wanted, patience, holding: MIB, requests: 16, also: vec![], waits }
    }

    pub(crate) fn plain(name: &'static str, wanted: Wanted, stage: impl Fn(&Scene) + 'static) -> Self {
        Self::new(name, Speaks::Plain, wanted, stage)
    }

    pub(crate) fn tls(name: &'static str, wanted: Wanted, stage: impl Fn(&Scene) + 'static) -> Self {
        Self::new(name, Speaks::Tls, wanted, stage)
    }

    pub(crate) fn holding(self, holding: usize) -> Self {
        Self { holding, ..self }
    }

    pub(crate) fn requests(self, requests: usize) -> Self {
        Self { requests, ..self }
    }

    /// What must be true as well, and whether it is.
    pub(crate) fn also(mut self, what: &'static str, is_true: fn(&Scene) -> bool) -> Self {
        self.also.push((what, is_true));
        self
    }

    pub(crate) fn asking_foreign(self) -> Self {
        self.also("the foreign host was asked", |scene| !scene.foreign.requests().is_empty())
    }

    pub(crate) fn not_asking_foreign(self) -> Self {
        self.also("the foreign host was not asked", |scene| scene.foreign.requests().is_empty())
    }

    pub(crate) fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub(crate) fn beside_others(self) -> Self {
        Self { waits: true, ..self }
    }
}
