//! Encoded resources, kept from batch to batch.

use std::sync::{Arc, Weak};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::spans::span::Resource;

/// Resources kept between two batches. About 1 KiB each.
const LIMIT: usize = 1024;

/// One resource, encoded, and where it stands in the batch being encoded.
pub(super) struct Cached {
    /// Keeps the address from being given to another resource, but not the resource alive.
    identity: Weak<Resource>,
    /// The complete `resource` field of `ResourceSpans`.
    pub(super) encoded: Box<[u8]>,
    /// The batch that `group` belongs to.
    pub(super) batch: u64,
    /// Index of this resource's group in that batch.
    pub(super) group: usize,
}

/// Encoded resources by the identity of their `Arc`.
pub(super) struct Resources {
    // The keys are addresses of our own heap: nobody outside can choose them to collide.
    by_address: HashMap<usize, Cached, FixedState>,
    evicted: u64,
}

impl Resources {
    pub(super) fn new() -> Self {
        Self { by_address: HashMap::with_hasher(FixedState::default()), evicted: 0 }
    }

    /// The entry of `resource`, encoded now if it is new.
    pub(super) fn entry(
        &mut self,
        resource: &Arc<Resource>,
        encode: impl FnOnce() -> Vec<u8>,
    ) -> &mut Cached {
        self.by_address.entry(address(resource)).or_insert_with(|| Cached {
            identity: Arc::downgrade(resource),
            encoded: encode().into_boxed_slice(),
            batch: 0,
            group: 0,
        })
    }

    /// Keeps the cache bounded: called between batches. Resources that nobody holds any more go first.
    pub(super) fn trim(&mut self) {
        if self.by_address.len() <= LIMIT {
            return;
        }
        let before = self.by_address.len();
        self.by_address.retain(|_, cached| cached.identity.strong_count() > 0);
        if self.by_address.len() > LIMIT {
            self.by_address.clear();
        }
        self.evicted += (before - self.by_address.len()) as u64;
    }

    /// Resources forgotten to keep the bound; each is encoded again if it comes back.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }
}

/// The identity of a resource: valid as long as an `Arc` or `Weak` to it exists.
pub(super) fn address(resource: &Arc<Resource>) -> usize {
    Arc::as_ptr(resource).addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(resources: &mut Resources, resource: &Arc<Resource>) {
        resources.entry(resource, || vec![1]);
    }

    #[test]
    fn resources_of_gone_processes_are_forgotten_first() {
        let mut resources = Resources::new();
        let alive: Vec<_> = (0..10).map(|_| Arc::new(Resource::default())).collect();
        for resource in &alive {
            add(&mut resources, resource);
        }
        for _ in 0..LIMIT {
            add(&mut resources, &Arc::new(Resource::default()));
        }
        resources.trim();
        assert_eq!(resources.evicted(), LIMIT as u64);
        assert!(alive.iter().all(|resource| resources.by_address.contains_key(&address(resource))));
    }

    #[test]
    fn the_bound_holds_even_if_every_process_lives() {
        let mut resources = Resources::new();
        let alive: Vec<_> = (0..=LIMIT).map(|_| Arc::new(Resource::default())).collect();
        for resource in &alive {
            add(&mut resources, resource);
        }
        resources.trim();
        assert!(resources.by_address.len() <= LIMIT);
        assert_eq!(resources.evicted(), LIMIT as u64 + 1);
    }
}
