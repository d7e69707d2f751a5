//! A server for programs that are not asynchronous themselves.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{Addresses, Server, Settings, StartError};

/// How often it is looked whether the server is to stop.
const LOOK: Duration = Duration::from_millis(50);

/// How long requests in hand may take once the server is to stop.
const GRACE: Duration = Duration::from_secs(2);

/// A server did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Something of the system's failed.
    #[error("The server ended: {0}.")]
    Io(#[from] io::Error),
}

/// Serves until `stop` is set. `ready` hears where, once it does.
pub fn serve(
    settings: Settings,
    stop: Arc<AtomicBool>,
    ready: impl FnOnce(Addresses) -> io::Result<()>,
) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("server").build()?;
    runtime.block_on(async {
        let server = Server::bind(settings).await?;
        ready(server.addresses()?)?;
        let stopped = async move {
            while !stop.load(Relaxed) {
                tokio::time::sleep(LOOK).await;
            }
        };
        let (asked, is_asked) = tokio::sync::oneshot::channel();
        let stopped = async {
            stopped.await;
            let _ = asked.send(());
        };
        // Clients that keep their connections open do not keep the server.
        let patience = async {
            let _ = is_asked.await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            result = server.run(stopped) => result.map_err(ServeError::from),
            () = patience => Ok(()),
        }
    })
}
