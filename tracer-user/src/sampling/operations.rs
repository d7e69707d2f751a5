//! State by operation: the service that was asked, and the name of its span.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;

use crate::spans::span::Span;

/// Operations that are followed one by one; the others share one state.
const MAX_OPERATIONS: usize = 4096;

/// One state for each operation.
#[derive(Debug, Default)]
pub(super) struct Operations<T> {
    by_name: HashMap<(Arc<str>, Arc<str>), T, RandomState>,
    others: T,
}

impl<T> Operations<T> {
    /// The state of an operation, if it is followed.
    pub(super) fn get(&self, service: &Arc<str>, name: &Arc<str>) -> Option<&T> {
        self.by_name.get(&(service.clone(), name.clone()))
    }

    /// All that are followed one by one: service and name, and the state.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&(Arc<str>, Arc<str>), &T)> {
        self.by_name.iter()
    }
}

impl<T: Default> Operations<T> {
    /// The state of the operation of a span. Where there is no room for one more, those that `stale` says are of no more use
    /// give way.
    pub(super) fn of(&mut self, served: &Span, stale: impl Fn(&T) -> bool) -> &mut T {
        let key = (served.resource.service_name.clone(), served.name.clone());
        if self.by_name.len() >= MAX_OPERATIONS && !self.by_name.contains_key(&key) {
            self.by_name.retain(|_, state| !stale(state));
            if self.by_name.len() >= MAX_OPERATIONS {
                return &mut self.others;
            }
        }
        self.by_name.entry(key).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        export::testing::{service, span},
        spans::span::SpanKind,
    };

    #[test]
    fn operations_beyond_the_bound_share_a_state() {
        let mut operations = Operations::<u32>::default();
        let shop = service("shop");
        let mut count = |number: usize, stale_below: u32| {
            let span = span(1, &shop, SpanKind::Server, &format!("GET /{number}"));
            let state = operations.of(&span, |&count| count < stale_below);
            *state += 1;
            *state
        };
        for number in 0..MAX_OPERATIONS {
            assert_eq!(count(number, 0), 1);
        }
        assert_eq!([count(MAX_OPERATIONS, 0), count(MAX_OPERATIONS + 1, 0)], [1, 2], "shared");
        assert_eq!(count(7, 0), 2, "known ones keep their own");
        assert_eq!(count(MAX_OPERATIONS, 2), 1, "all but one have given way");
        assert_eq!(count(7, 2), 3);
    }
}
