//! The server: three listeners and a store.

use std::{future::Future, io, net::SocketAddr, sync::Arc};

use axum::Router;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tonic::transport::server::TcpIncoming;

use crate::{
    alerts::{self, Engine, Notifier},
    api::{self, App},
    counters::Counters,
    receive::{self, Intake},
    settings::Settings,
    store::{OpenError, Store},
};

/// A server that listens, and answers once it [runs](Server::run).
pub struct Server {
    grpc: TcpListener,
    http: TcpListener,
    query: TcpListener,
    intake: Intake,
    app: Arc<App>,
    notifier: Notifier,
}

/// A server cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Reachable for others, and anyone may ask.
    #[error(
        "The {purpose} address {address} can be reached from other hosts, and there is no token: whoever reaches it could \
         read and write every trace. Bind it to 127.0.0.1, or set a token."
    )]
    Open {
        /// What it is for.
        purpose: &'static str,
        /// Where.
        address: SocketAddr,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// Nobody could be told of alerts.
    #[error("The host's certificate authorities, which tell the receivers of alerts, cannot be read: {0}.")]
    Notifier(io::Error),
    /// An address cannot be had.
    #[error(
        "The {purpose} address {address} cannot be listened on: {source}. Is another backend running? Choose another address."
    )]
    Bind {
        /// What it is for.
        purpose: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Where a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// OTLP/gRPC.
    pub otlp_grpc: SocketAddr,
    /// OTLP/HTTP.
    pub otlp_http: SocketAddr,
    /// The query API.
    pub query: SocketAddr,
}

impl Server {
    /// Opens the store and the listeners.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        let grpc = listen("OTLP/gRPC", settings.otlp_grpc, &settings).await?;
        let http = listen("OTLP/HTTP", settings.otlp_http, &settings).await?;
        let query = listen("query", settings.query, &settings).await?;
        let counters = Arc::new(Counters::default());
        let store = Arc::new(Store::open(&settings.data, settings.limits, Arc::clone(&counters))?);
        let token: Option<Arc<str>> = settings.token.map(Arc::from);
        let intake = Intake::new(Arc::clone(&store), Arc::clone(&counters), token.clone());
        let alerts = Arc::new(Engine::new(&settings.rules, &settings.data, api::now_ns()));
        alerts.recall(&store, api::now_ns());
        let engine = Arc::clone(&alerts);
        store.listen(Box::new(move |spans, first| engine.count(spans, first)));
        let page = query.local_addr().map_or_else(|_| String::new(), |address| format!("http://{address}"));
        let notifier = Notifier::new(settings.rules.targets(), page).map_err(StartError::Notifier)?;
        let app = Arc::new(App::new(store, counters, alerts, token));
        Ok(Self { grpc, http, query, intake, app, notifier })
    }

    /// Where it listens, with the ports that the system chose where the settings said 0.
    pub fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            otlp_grpc: self.grpc.local_addr()?,
            otlp_http: self.http.local_addr()?,
            query: self.query.local_addr()?,
        })
    }

    /// Serves until `stop` resolves; requests in hand are answered first.
    pub async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (stopping, stopped) = watch::channel(false);
        let grpc = tonic::transport::Server::builder()
            .add_service(receive::grpc_service(self.intake.clone()))
            .serve_with_incoming_shutdown(
                TcpIncoming::from(self.grpc).with_nodelay(Some(true)),
                ended(stopped.clone()),
            );
        let http = serve(self.http, receive::http_router(self.intake), stopped.clone());
        let (notices, told) = mpsc::channel(alerts::QUEUE);
        let judge = {
            let (app, stopped) = (Arc::clone(&self.app), stopped.clone());
            async move { app.alerts.run(notices, &app.counters, api::now_ns, ended(stopped)).await }
        };
        let tell = {
            let (app, notifier) = (Arc::clone(&self.app), self.notifier);
            async move { notifier.run(told, &app.counters).await }
        };
        let alerts = async {
            tokio::join!(judge, tell);
            Ok(())
        };
        let query = serve(self.query, api::router(self.app), stopped);
        let stop = async {
            stop.await;
            // Nobody listening any more is what is wanted.
            let _ = stopping.send(true);
            Ok(())
        };
        let grpc = async { grpc.await.map_err(io::Error::other) };
        tokio::try_join!(grpc, http, query, alerts, stop).map(drop)
    }
}

async fn serve(listener: TcpListener, router: Router, stopped: watch::Receiver<bool>) -> io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(ended(stopped)).await
}

async fn ended(mut stopped: watch::Receiver<bool>) {
    // The sender goes away only with the server.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn listen(
    purpose: &'static str,
    address: SocketAddr,
    settings: &Settings,
) -> Result<TcpListener, StartError> {
    if !address.ip().is_loopback() && settings.token.is_none() {
        return Err(StartError::Open { purpose, address });
    }
    TcpListener::bind(address).await.map_err(|source| StartError::Bind { purpose, address, source })
}
