//! One scenario: the host-wide lock, a folder for its logs, the receiver and the daemon.

use std::{
    collections::HashSet,
    fs::{self, File},
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};

use crate::{
    daemon::{Daemon, Options},
    receiver::{Receiver, Transport},
    span::{REPEATED, ReceivedSpan},
    tree::details,
};

/// A running scenario. Dropping it frees the host for the next one.
pub struct Scenario {
    /// The backend that the daemon exports to.
    pub receiver: Receiver,
    directory: PathBuf,
    _lock: Flock<File>,
}

impl Scenario {
    /// Waits for the host, empties the scenario's folder and starts a gRPC receiver.
    pub fn start(name: &str) -> Self {
        Self::with_transport(name, Transport::Grpc)
    }

    /// Like [`Scenario::start`] with a receiver of the given kind.
    pub fn with_transport(name: &str, transport: Transport) -> Self {
        let root = workspace().join("target/tmp/scenarios");
        fs::create_dir_all(&root).unwrap();
        // The daemon traces every process of the host: two scenarios at once would see each other's services.
        let file = File::create(root.join("lock")).unwrap();
        let lock = Flock::lock(file, FlockArg::LockExclusive)
            .unwrap_or_else(|(_, error)| panic!("The lock of the scenarios cannot be taken: {error}"));
        let directory = root.join(name);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let receiver = Receiver::start_on(transport, crate::ports::free_port());
        Self { receiver, directory, _lock: lock }
    }

    /// A path in the scenario's folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a file into the scenario's folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The daemon with no selection at all, exporting to the receiver.
    #[track_caller]
    pub fn daemon(&self) -> Daemon {
        self.daemon_with(Options::default())
    }

    /// The daemon with options, exporting to the receiver.
    #[track_caller]
    pub fn daemon_with(&self, options: Options) -> Daemon {
        Daemon::start(self, options)
    }

    /// Waits for `count` spans whose path starts with `prefix`, then checks that nothing was lost, stops the daemon,
    /// and hands back what is there after its last flush, each exchange once.
    #[track_caller]
    pub fn finish(&self, daemon: Daemon, prefix: &str, count: usize) -> Vec<ReceivedSpan> {
        self.receiver.wait_for(prefix, count);
        assert_clean(&daemon);
        daemon.stop();
        let spans = self.receiver.spans_under(prefix);
        assert_unique(&spans);
        spans
    }
}

/// The workspace root.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Nothing was dropped anywhere on the way but what was meant to be.
#[track_caller]
pub fn assert_clean(daemon: &Daemon) {
    let status = daemon.status();
    let lost: Vec<_> = status.drops.iter().filter(|drop| !drop.intentional && drop.count > 0).collect();
    assert!(lost.is_empty(), "The daemon lost something: {lost:?}");
}

/// No span arrived twice, and no exchange was reported twice.
#[track_caller]
pub fn assert_unique(spans: &[ReceivedSpan]) {
    let mut ids = HashSet::new();
    let mut exchanges = HashSet::new();
    for span in spans {
        let shown = || details(std::slice::from_ref(span));
        assert!(ids.insert(&span.span_id), "A span id arrived twice: {}", shown());
        let exchange = (
            span.kind,
            span.pid(),
            span.attribute("network.peer.port"),
            span.attribute("server.port"),
            span.path(),
            (span.start_ns, span.end_ns),
        );
        assert!(exchanges.insert(exchange), "An exchange was reported twice: {}", shown());
        let mut keys = span.attributes.keys().chain(span.resource.keys());
        assert!(!keys.any(|key| key.ends_with(REPEATED)), "An attribute arrived twice: {}", shown());
        assert!(span.start_ns <= span.end_ns, "A span ends before it starts: {}", shown());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Attributes;

    fn span(id: &str, end_ns: u64) -> ReceivedSpan {
        ReceivedSpan {
            trace_id: "t".into(),
            span_id: id.into(),
            parent_id: String::new(),
            trace_state: String::new(),
            kind: "SERVER",
            name: "GET".into(),
            start_ns: 1,
            end_ns,
            links: Vec::new(),
            error: false,
            attributes: Attributes::new(),
            resource: Attributes::new(),
        }
    }

    #[test]
    fn pipelined_exchanges_are_several() {
        assert_unique(&[span("a", 2), span("b", 3)]);
    }

    #[test]
    #[should_panic(expected = "A span id arrived twice")]
    fn a_span_that_arrives_twice_is_noticed() {
        assert_unique(&[span("a", 2), span("a", 3)]);
    }

    #[test]
    #[should_panic(expected = "An exchange was reported twice")]
    fn an_exchange_that_is_reported_twice_is_noticed() {
        assert_unique(&[span("a", 2), span("b", 2)]);
    }

    #[test]
    #[should_panic(expected = "A span ends before it starts")]
    fn a_span_that_ends_before_it_starts_is_noticed() {
        assert_unique(&[span("a", 0)]);
    }
}
