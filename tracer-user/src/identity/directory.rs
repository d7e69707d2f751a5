//! The processes that are alive, each with its resource.

use std::{num::NonZeroUsize, sync::Arc};

use foldhash::fast::RandomState;
use lru::LruCache;
use tracer_k8s::Pods;

use super::{host::Host, process::ProcessFacts, resource::resource};
use crate::spans::span::{Key, Resource, Value};

/// A bounded cache from process to resource.
///
/// A process is its id together with its start time, so that a reused id is a new process. The least recently used
/// entry makes room where exits were missed; evicting one costs nothing but finding the facts again.
///
/// A new container may send requests before the API server has told of it: its processes are looked up again, whenever something
/// is learned, until it has.
#[derive(Debug)]
pub struct Directory {
    host: Host,
    attributes: Vec<(Key, Value)>,
    processes: LruCache<u32, Entry, RandomState>,
    evicted: u64,
    pods: Option<Arc<Pods>>,
}

/// A process whose container is not known yet.
#[derive(Debug)]
struct Waiting {
    facts: ProcessFacts,
    /// [`Pods::version`] when it was looked for.
    version: u64,
}

#[derive(Debug)]
struct Entry {
    /// [`ProcessFacts::start_ticks`].
    start_ticks: u64,
    resource: Arc<Resource>,
    waiting: Option<Box<Waiting>>,
}

impl Directory {
    /// An empty directory for at most `capacity` processes. `attributes` are those of the configuration.
    pub fn new(capacity: NonZeroUsize, host: Host, attributes: Vec<(Key, Value)>) -> Self {
        Self {
            host,
            attributes,
            processes: LruCache::with_hasher(capacity, RandomState::default()),
            evicted: 0,
            pods: None,
        }
    }

    /// Containers are looked up here from now on.
    pub fn know(&mut self, pods: Arc<Pods>) {
        self.pods = Some(pods);
    }

    /// Adds what Kubernetes knows of the container.
    pub fn find_container(&self, facts: &mut ProcessFacts) {
        let container = self.pods.as_ref().zip(facts.container_id.as_deref());
        facts.kubernetes = container.and_then(|(pods, id)| pods.container(id));
    }

    /// The resource of a process that was inserted before. `start_ticks` of 0 stands for "whichever has this id now".
    pub fn get(&mut self, pid: u32, start_ticks: u64) -> Option<Arc<Resource>> {
        let entry =
            self.processes.get_mut(&pid).filter(|entry| same_process(entry.start_ticks, start_ticks))?;
        if let (Some(waiting), Some(pods)) = (&mut entry.waiting, &self.pods)
            && waiting.version != pods.version()
        {
            waiting.version = pods.version();
            let id = waiting.facts.container_id.as_deref().unwrap_or_default();
            if let Some(container) = pods.container(id) {
                waiting.facts.kubernetes = Some(container);
                entry.resource = Arc::new(resource(&waiting.facts, &self.host, &self.attributes));
                entry.waiting = None;
            }
        }
        Some(entry.resource.clone())
    }

    /// Makes the resource of a process, in place of what was known under its id.
    pub fn insert(&mut self, facts: &ProcessFacts) -> Arc<Resource> {
        let resource = Arc::new(resource(facts, &self.host, &self.attributes));
        let waiting =
            self.pods.as_ref().filter(|_| facts.container_id.is_some() && facts.kubernetes.is_none());
        // Looked for again at once: it may have become known since.
        let waiting = waiting.map(|_| Box::new(Waiting { facts: facts.clone(), version: 0 }));
        let entry = Entry { start_ticks: facts.start_ticks(), resource: resource.clone(), waiting };
        let displaced = self.processes.push(facts.pid, entry);
        self.evicted += u64::from(displaced.is_some_and(|(pid, _)| pid != facts.pid));
        resource
    }

    /// Forgets a process that has exited, or that has executed another program and is to be described anew.
    /// Leaves a younger process with the same id alone.
    pub fn remove(&mut self, pid: u32, start_ticks: u64) {
        if self.processes.peek(&pid).is_some_and(|entry| same_process(entry.start_ticks, start_ticks)) {
            self.processes.pop(&pid);
        }
    }

    /// How many processes are known.
    pub fn len(&self) -> usize {
        self.processes.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// How many entries had to make room for others.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}

fn same_process(known: u64, asked: u64) -> bool {
    known == asked || asked == 0
}
