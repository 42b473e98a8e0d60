//! Equal values kept once: a cluster runs few images in many pods.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// Equal values once. Invariant: nothing in it changes; what only the pool holds goes at the next sweep.
#[derive(Debug)]
pub(super) struct Pool<T: ?Sized>(HashSet<Arc<T>>);

impl<T: Eq + Hash + ?Sized> Pool<T> {
    /// The value, shared with whoever has an equal one.
    pub(super) fn share(&mut self, value: impl Borrow<T> + Into<Arc<T>>) -> Arc<T> {
        if let Some(known) = self.0.get(value.borrow()) {
            return known.clone();
        }
        let made: Arc<T> = value.into();
        self.0.insert(made.clone());
        made
    }

    /// Forgets what nobody has any more.
    pub(super) fn sweep(&mut self) {
        self.0.retain(|value| Arc::strong_count(value) > 1);
        self.0.shrink_to_fit();
    }
}

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(HashSet::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_is_kept_once_and_only_while_it_is_used() {
        let mut pool = Pool::<str>::default();
        let (one, same, other) = (pool.share("one"), pool.share("one"), pool.share("other"));
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        drop(other);
        pool.sweep();
        assert_eq!(pool.0.len(), 1);
        assert!(Arc::ptr_eq(&one, &pool.share("one")));
    }
}
