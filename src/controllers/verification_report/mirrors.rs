//! Which Reports of openreports.io there are, and of which report each is the same content. No client.
//!
//! Invariant: a Report is written when its content differs from what was written last, or when somebody else has touched
//! it; and those that nothing stands behind are found.

use std::collections::{HashMap, HashSet};

use super::queue::Name;
use crate::policy::ObjectName;

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct Mirrors {
    of: HashMap<Name, Mirror>,
    /// Whose content each has.
    whose: HashMap<ObjectName, Name>,
    /// Seen, and not written by this leader.
    strays: HashSet<ObjectName>,
}

/// One Report as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mirror {
    pub(super) object: ObjectName,
    pub(super) fingerprint: u64,
    pub(super) version: String,
}

impl Mirrors {
    /// What was written for a report.
    pub(super) fn get(&self, report: &Name) -> Option<&Mirror> {
        self.of.get(report)
    }

    /// This was written for a report.
    pub(super) fn written(&mut self, report: &Name, mirror: Mirror) {
        self.removed(report);
        self.strays.remove(&mirror.object);
        self.whose.insert(mirror.object.clone(), report.clone());
        self.of.insert(report.clone(), mirror);
    }

    /// There is none for a report any more.
    pub(super) fn removed(&mut self, report: &Name) {
        if let Some(mirror) = self.of.remove(report) {
            self.whose.remove(&mirror.object);
        }
    }

    /// A Report is there in this version; the report whose content is to be written again.
    pub(super) fn seen(&mut self, object: ObjectName, version: &str) -> Option<Name> {
        let Some(report) = self.whose.get(&object) else {
            self.strays.insert(object);
            return None;
        };
        let mirror = self.of.get_mut(report).filter(|mirror| mirror.version != version)?;
        mirror.fingerprint = 0;
        Some(report.clone())
    }

    /// A Report was deleted; the report whose content is to be written again.
    pub(super) fn gone(&mut self, object: &ObjectName) -> Option<Name> {
        self.strays.remove(object);
        let report = self.whose.remove(object)?;
        self.of.remove(&report);
        Some(report)
    }

    /// Those that nothing stands behind, once everything was written.
    pub(super) fn take_strays(&mut self) -> Vec<ObjectName> {
        self.strays.drain().collect()
    }

    /// Whether there is none.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.of.is_empty() && self.strays.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(object: &str, version: &str) -> Mirror {
        Mirror { object: ObjectName::new("shop", object), fingerprint: 7, version: version.to_owned() }
    }

    fn name(name: &str) -> Name {
        ObjectName::new("shop", name).into()
    }

    #[test]
    fn what_somebody_else_touches_is_written_again_and_our_own_echo_is_not() {
        let (mut mirrors, object) = (Mirrors::default(), ObjectName::new("shop", "bonafide-u"));
        mirrors.written(&name("web"), mirror("bonafide-u", "1"));
        assert_eq!(mirrors.seen(object.clone(), "1"), None);
        assert_eq!(mirrors.get(&name("web")).map(|mirror| mirror.fingerprint), Some(7));
        assert_eq!(mirrors.seen(object.clone(), "2"), Some(name("web")));
        assert_eq!(mirrors.get(&name("web")).map(|mirror| mirror.fingerprint), Some(0));
        assert_eq!(mirrors.gone(&object), Some(name("web")));
        assert!(mirrors.is_empty());
    }

    #[test]
    fn what_nothing_stands_behind_is_a_stray_until_it_is_written() {
        let mut mirrors = Mirrors::default();
        for object in ["bonafide-u", "bonafide-old"] {
            assert_eq!(mirrors.seen(ObjectName::new("shop", object), "1"), None);
        }
        mirrors.written(&name("web"), mirror("bonafide-u", "2"));
        assert_eq!(mirrors.take_strays(), [ObjectName::new("shop", "bonafide-old")]);
        // Another pod of the same name has another Report; the one before is nobody's.
        mirrors.written(&name("web"), mirror("bonafide-v", "3"));
        assert_eq!(mirrors.seen(ObjectName::new("shop", "bonafide-u"), "2"), None);
        assert_eq!(mirrors.take_strays(), [ObjectName::new("shop", "bonafide-u")]);
        mirrors.removed(&name("web"));
        assert!(mirrors.is_empty());
    }
}
