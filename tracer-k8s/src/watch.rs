//! List, then watch, over and over (Kubernetes API concepts: "Efficient detection of changes").

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::sync::watch;

use crate::{
    client::{Client, ClientError},
    pod::Pod,
    settings::Settings,
    store::Pods,
};

/// Pods in one page of a list.
const PAGE: u32 = 500;
/// How long the server keeps a watch, seconds. It ends it by itself, in order.
pub(crate) const WATCH_SECONDS: u32 = 300;
/// Longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What happened so far.
#[derive(Debug, Default)]
pub struct Stats {
    /// Lists that were read to their end.
    pub lists: AtomicU64,
    /// Changes of pods that were heard of.
    pub changes: AtomicU64,
    /// Requests that failed, and watches that broke.
    pub failures: AtomicU64,
}

/// The thread that watches. It ends when this is dropped.
#[derive(Debug)]
pub struct Watcher {
    pods: Arc<Pods>,
    stats: Arc<Stats>,
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts the thread, which does `first` before anything else.
    pub fn start(settings: Settings, first: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (pods, stats) = (Arc::new(Pods::default()), Arc::new(Stats::default()));
        let (stop, mut stopped) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let watch = Watch { settings, pods: pods.clone(), stats: stats.clone() };
        let thread = std::thread::Builder::new().name("tracer-k8s".into()).spawn(move || {
            first();
            runtime.block_on(async {
                tokio::select! {
                    () = watch.forever() => {}
                    // The sender is gone.
                    _ = stopped.changed() => {}
                }
            });
            // A look-up of the server's name may hang; nobody waits for it.
            runtime.shutdown_background();
        })?;
        Ok(Self { pods, stats, stop: Some(stop), thread: Some(thread) })
    }

    /// What is known.
    pub fn pods(&self) -> &Arc<Pods> {
        &self.pods
    }

    /// What happened.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

struct Watch {
    settings: Settings,
    pods: Arc<Pods>,
    stats: Arc<Stats>,
}

/// A page of a list.
#[derive(Deserialize)]
struct List {
    metadata: ListMetadata,
    #[serde(default)]
    items: Vec<Pod>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
    #[serde(default)]
    r#continue: String,
}

/// A line of a watch.
#[derive(Deserialize)]
#[serde(tag = "type", content = "object", rename_all = "UPPERCASE")]
enum Event {
    Added(Box<Pod>),
    Modified(Box<Pod>),
    Deleted(Box<Pod>),
    Bookmark(Box<Pod>),
    Error(Failure),
}

/// `Status` of the API: why a watch cannot go on.
#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    code: u16,
}

impl Watch {
    async fn forever(&self) {
        let mut pause = self.settings.pause;
        // The version to go on from; none asks for a new list.
        let mut version = None;
        loop {
            let before =
                self.stats.changes.load(Ordering::Relaxed) + self.stats.lists.load(Ordering::Relaxed);
            let error = match self.round(&mut version).await {
                Ok(()) => {
                    pause = self.settings.pause;
                    continue;
                }
                Err(error) => error,
            };
            if matches!(error, ClientError::Gone) {
                version = None;
            }
            let after = self.stats.changes.load(Ordering::Relaxed) + self.stats.lists.load(Ordering::Relaxed);
            if after > before {
                pause = self.settings.pause;
            }
            self.stats.failures.fetch_add(1, Ordering::Relaxed);
            tracing::warn!("Kubernetes cannot be asked about pods, it is tried again in {pause:?}: {error}");
            // All the nodes of a cluster lose the server at the same moment; they are not to come back at one.
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A list where it is needed, and a watch to its end.
    async fn round(&self, version: &mut Option<String>) -> Result<(), ClientError> {
        // Made anew each time, since the authorities may be renewed like the token.
        let client = Client::new(&self.settings)?;
        let from = match version {
            Some(version) => version,
            None => version.insert(self.list(&client).await?),
        };
        let path = self.path(&format!(
            "watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={}",
            encoded(from)
        ));
        let mut answer = client.get(&path).await?;
        while let Some(line) = answer.line().await? {
            if line.is_empty() {
                continue;
            }
            let pod = match serde_json::from_slice(&line)? {
                Event::Added(pod) | Event::Modified(pod) => {
                    self.pods.put(&pod, &self.settings.labels);
                    pod
                }
                Event::Deleted(pod) => {
                    self.pods.remove(&pod.metadata.uid);
                    pod
                }
                Event::Bookmark(pod) => pod,
                Event::Error(Failure { code: 410 }) => return Err(ClientError::Gone),
                Event::Error(Failure { code }) => return Err(ClientError::Status(code)),
            };
            pod.metadata.resource_version.clone_into(from);
            self.stats.changes.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Reads all pages of the list, and returns its version.
    async fn list(&self, client: &Client) -> Result<String, ClientError> {
        let (mut pods, mut token) = (Vec::new(), String::new());
        loop {
            let path = self.path(&format!("limit={PAGE}&continue={}", encoded(&token)));
            let page: List = serde_json::from_slice(&client.get(&path).await?.whole().await?)?;
            pods.extend(page.items);
            if page.metadata.r#continue.is_empty() {
                self.pods.replace(&pods, &self.settings.labels);
                self.stats.lists.fetch_add(1, Ordering::Relaxed);
                return Ok(page.metadata.resource_version);
            }
            token = page.metadata.r#continue;
        }
    }

    fn path(&self, query: &str) -> String {
        format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{}&{query}", encoded(&self.settings.node))
    }
}

fn encoded(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}
