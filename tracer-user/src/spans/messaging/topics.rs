//! What is known of brokers beyond a connection: names of topics, and which consumer group a client is in.

use std::{num::NonZero, sync::Arc};

use foldhash::fast::RandomState;
use lru::LruCache;
use tracer_protocols::kafka::Topic;

/// Topics, and clients, that are remembered.
const MAX_TOPICS: usize = 4096;

/// The group of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Group {
    One(Arc<str>),
    /// Clients of one name in one process are in different ones.
    Several,
}

/// See the module.
#[derive(Debug)]
pub struct Topics {
    names: LruCache<[u8; 16], Arc<str>, RandomState>,
    groups: LruCache<(u32, Arc<str>), Group, RandomState>,
}

impl Default for Topics {
    fn default() -> Self {
        let bound = NonZero::new(MAX_TOPICS).unwrap_or(NonZero::<usize>::MIN);
        Self {
            names: LruCache::with_hasher(bound, RandomState::default()),
            groups: LruCache::with_hasher(bound, RandomState::default()),
        }
    }
}

impl Topics {
    /// A topic is called this.
    pub(super) fn learn(&mut self, id: [u8; 16], name: &[u8]) {
        if self.names.get(&id).is_none_or(|known| known.as_bytes() != name) {
            self.names.put(id, String::from_utf8_lossy(name).into());
        }
    }

    /// The name of a topic, if it is known.
    pub(super) fn name(&mut self, topic: Topic<'_>) -> Option<Arc<str>> {
        match topic {
            Topic::Name(name) => Some(String::from_utf8_lossy(name).into()),
            Topic::Id(id) => self.names.get(&id).cloned(),
        }
    }

    /// A client of process `tgid` is in a group.
    pub(super) fn join(&mut self, tgid: u32, client: &Arc<str>, group: &[u8]) {
        let key = (tgid, client.clone());
        match self.groups.get_mut(&key) {
            Some(Group::One(known)) if known.as_bytes() == group => {}
            Some(known) => *known = Group::Several,
            None => {
                self.groups.put(key, Group::One(String::from_utf8_lossy(group).into()));
            }
        }
    }

    /// The group of a client of process `tgid`, if there is one and no other.
    pub(super) fn group(&mut self, tgid: u32, client: &Arc<str>) -> Option<Arc<str>> {
        match self.groups.get(&(tgid, client.clone()))? {
            Group::One(name) => Some(name.clone()),
            Group::Several => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_two_groups_is_of_none() {
        let mut topics = Topics::default();
        let client: Arc<str> = "rdkafka".into();
        topics.join(1, &client, b"a");
        topics.join(1, &client, b"a");
        assert_eq!(topics.group(1, &client).as_deref(), Some("a"));
        assert_eq!(topics.group(2, &client), None);
        topics.join(1, &client, b"b");
        assert_eq!(topics.group(1, &client), None);
    }

    #[test]
    fn a_topic_by_id_has_a_name_once_that_was_told() {
        let mut topics = Topics::default();
        assert_eq!(topics.name(Topic::Id([1; 16])), None);
        topics.learn([1; 16], b"orders");
        assert_eq!(topics.name(Topic::Id([1; 16])).as_deref(), Some("orders"));
        assert_eq!(topics.name(Topic::Name(b"goods")).as_deref(), Some("goods"));
    }
}
