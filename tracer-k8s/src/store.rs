//! The containers that are known, for whoever asks.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::pod::Pod;

/// Most pods that are kept; a node runs some hundred.
const MAX_PODS: usize = 4096;
/// Most containers of one pod.
const MAX_CONTAINERS: usize = 256;

/// What Kubernetes says of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Attributes of its resource, `service.name` among them.
    pub attributes: Vec<(String, String)>,
}

/// The containers of the node, by the ids that their cgroups have.
#[derive(Debug, Default)]
pub struct Pods {
    known: RwLock<Known>,
    version: AtomicU64,
    left_out: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    containers: HashMap<String, Arc<Container>>,
    /// Ids of the containers of each pod, by the pod's uid.
    pods: HashMap<String, Vec<String>>,
}

impl Pods {
    /// What is known of a container.
    pub fn container(&self, id: &str) -> Option<Arc<Container>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).containers.get(id).cloned()
    }

    /// Changes with everything that is learned, so that who found nothing knows when to ask again.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Pods that there was no room for.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// How many pods are known.
    pub fn len(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).pods.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a container that is known by other means than [`crate::Watcher`], until the next list.
    pub fn insert(&self, id: &str, container: Container) {
        self.change(|known| {
            known.containers.insert(id.to_owned(), Arc::new(container));
        });
    }

    /// A pod is there, or has changed.
    pub(crate) fn put(&self, pod: &Pod, labels: &[String]) {
        self.change(|known| {
            if known.pods.len() >= MAX_PODS && !known.pods.contains_key(&pod.metadata.uid) {
                self.left_out.fetch_add(1, Ordering::Relaxed);
                return;
            }
            known.put(pod, labels);
        });
    }

    /// A pod is gone.
    pub(crate) fn remove(&self, uid: &str) {
        self.change(|known| known.remove(uid));
    }

    /// These are all the pods that there are.
    pub(crate) fn replace(&self, pods: &[Pod], labels: &[String]) {
        let mut all = Known::default();
        for pod in pods.iter().take(MAX_PODS) {
            all.put(pod, labels);
        }
        self.left_out.fetch_add(pods.len().saturating_sub(MAX_PODS) as u64, Ordering::Relaxed);
        self.change(|known| *known = all);
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner));
        self.version.fetch_add(1, Ordering::Release);
    }
}

impl Known {
    fn put(&mut self, pod: &Pod, labels: &[String]) {
        // A container that was started anew has another id; requests of the old one are over.
        self.remove(&pod.metadata.uid);
        let containers = pod.containers(labels).take(MAX_CONTAINERS);
        let ids = containers.map(|(id, attributes)| {
            self.containers.insert(id.to_owned(), Arc::new(Container { attributes }));
            id.to_owned()
        });
        let ids = ids.collect();
        self.pods.insert(pod.metadata.uid.clone(), ids);
    }

    fn remove(&mut self, uid: &str) {
        for id in self.pods.remove(uid).into_iter().flatten() {
            self.containers.remove(&id);
        }
    }
}
