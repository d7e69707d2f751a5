//! The server: its listeners and a store.

use std::{future::Future, io, net::SocketAddr, sync::Arc};

use axum::Router;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    agents::Agents,
    alerts::{self, Engine, Notifier},
    api::{self, App, Hosts},
    counters::Counters,
    listen::{Incoming, TlsError},
    receive::{self, Intake},
    settings::Settings,
    store::{OpenError, Store},
};

/// A server that listens, and answers once it [runs](Server::run).
pub struct Server {
    doors: Vec<Door>,
    intake: Intake,
    app: Arc<App>,
    notifier: Notifier,
}

/// What a server listens for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    OtlpGrpc,
    OtlpHttp,
    Query,
    Zipkin,
    JaegerHttp,
    JaegerGrpc,
}

struct Door {
    purpose: Purpose,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
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
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
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
    /// Zipkin's API.
    pub zipkin: Option<SocketAddr>,
    /// Jaeger's Thrift over HTTP.
    pub jaeger_http: Option<SocketAddr>,
    /// Jaeger's gRPC.
    pub jaeger_grpc: Option<SocketAddr>,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::OtlpGrpc => "OTLP/gRPC",
            Self::OtlpHttp => "OTLP/HTTP",
            Self::Query => "query",
            Self::Zipkin => "Zipkin",
            Self::JaegerHttp => "Jaeger/HTTP",
            Self::JaegerGrpc => "Jaeger/gRPC",
        }
    }

    /// What ALPN calls the protocol (RFC 7301, IANA's registry).
    const fn protocol(self) -> &'static [u8] {
        match self {
            Self::OtlpGrpc | Self::JaegerGrpc => b"h2",
            _ => b"http/1.1",
        }
    }
}

impl Server {
    /// Opens the store and the listeners.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        let wanted = [
            (Purpose::OtlpGrpc, Some(settings.otlp_grpc)),
            (Purpose::OtlpHttp, Some(settings.otlp_http)),
            (Purpose::Query, Some(settings.query)),
            (Purpose::Zipkin, settings.zipkin),
            (Purpose::JaegerHttp, settings.jaeger_http),
            (Purpose::JaegerGrpc, settings.jaeger_grpc),
        ];
        let mut doors = Vec::new();
        for (purpose, address) in wanted {
            if let Some(address) = address {
                doors.push(open(purpose, address, &settings).await?);
            }
        }
        let counters = Arc::new(Counters::default());
        let store = Arc::new(Store::open(&settings.data, settings.limits, Arc::clone(&counters))?);
        let token: Option<Arc<str>> = settings.token.map(Arc::from);
        let hosts = Hosts::new(token.is_some(), &settings.hosts);
        let agents = Arc::new(Agents::default());
        let intake =
            Intake::new(Arc::clone(&store), Arc::clone(&counters), Arc::clone(&agents), token.clone());
        let alerts = Arc::new(Engine::new(&settings.rules, &settings.data, api::now_ns()));
        // Files and other servers are waited for.
        let (engine, past) = (Arc::clone(&alerts), Arc::clone(&store));
        let recalled = tokio::task::spawn_blocking(move || engine.recall(&past, api::now_ns())).await;
        if recalled.is_err() {
            tracing::warn!("the past could not be read; rules begin with what comes in now");
        }
        let engine = Arc::clone(&alerts);
        store.listen(Box::new(move |spans, first| engine.count(spans, first)));
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let query = doors.iter().find(|door| door.purpose == Purpose::Query);
        let address = query.and_then(|door| door.listener.local_addr().ok());
        let page = address.map_or_else(String::new, |address| format!("{scheme}://{address}"));
        let notifier = Notifier::new(settings.rules.targets(), page).map_err(StartError::Notifier)?;
        let app = Arc::new(App::new(store, counters, alerts, agents, token, hosts));
        Ok(Self { doors, intake, app, notifier })
    }

    /// Where it listens, with the ports that the system chose where the settings said 0.
    pub fn addresses(&self) -> io::Result<Addresses> {
        let optional = |purpose| {
            let door = self.doors.iter().find(|door| door.purpose == purpose);
            door.map(|door| door.listener.local_addr()).transpose()
        };
        let missing = || io::Error::from(io::ErrorKind::AddrNotAvailable);
        let address = |purpose| optional(purpose)?.ok_or_else(missing);
        Ok(Addresses {
            otlp_grpc: address(Purpose::OtlpGrpc)?,
            otlp_http: address(Purpose::OtlpHttp)?,
            query: address(Purpose::Query)?,
            zipkin: optional(Purpose::Zipkin)?,
            jaeger_http: optional(Purpose::JaegerHttp)?,
            jaeger_grpc: optional(Purpose::JaegerGrpc)?,
        })
    }

    /// Serves until `stop` resolves; requests in hand are answered first.
    pub async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (stopping, stopped) = watch::channel(false);
        let mut serving = JoinSet::new();
        for door in self.doors {
            let incoming = Incoming::new(door.listener, door.tls)?;
            let (intake, app, stopped) = (self.intake.clone(), Arc::clone(&self.app), ended(stopped.clone()));
            match door.purpose {
                Purpose::OtlpGrpc => {
                    let traces = receive::grpc_service(intake.clone());
                    let server = tonic::transport::Server::builder().add_service(traces);
                    let server = server.add_service(receive::grpc_metrics_service(intake));
                    let server = server.serve_with_incoming_shutdown(incoming, stopped);
                    serving.spawn(async { server.await.map_err(io::Error::other) });
                }
                Purpose::JaegerGrpc => {
                    let service = receive::jaeger_grpc_service(intake);
                    let server = tonic::transport::Server::builder().add_service(service);
                    let server = server.serve_with_incoming_shutdown(incoming, stopped);
                    serving.spawn(async { server.await.map_err(io::Error::other) });
                }
                Purpose::OtlpHttp => {
                    serving.spawn(serve(incoming, receive::http_router(intake), stopped));
                }
                Purpose::Query => drop(serving.spawn(serve(incoming, api::router(app), stopped))),
                Purpose::Zipkin => {
                    let router = receive::zipkin_router(intake).merge(api::zipkin_router(app));
                    serving.spawn(serve(incoming, router, stopped));
                }
                Purpose::JaegerHttp => {
                    serving.spawn(serve(incoming, receive::jaeger_http_router(intake), stopped));
                }
            }
        }
        // Without rules it may end at once, which ends nothing else.
        let mut alerting = JoinSet::new();
        let (notices, told) = mpsc::channel(alerts::QUEUE);
        {
            let (app, stopped) = (Arc::clone(&self.app), ended(stopped.clone()));
            alerting.spawn(async move {
                app.alerts.run(notices, &app.counters, api::now_ns, stopped).await;
            });
        }
        let (app, notifier) = (self.app, self.notifier);
        alerting.spawn(async move { notifier.run(told, &app.counters).await });
        tokio::select! {
            () = stop => {}
            // Ends before it is told to only by failing.
            Some(result) = serving.join_next() => return result.map_err(io::Error::other)?,
        }
        // Nobody listening any more is what is wanted.
        let _ = stopping.send(true);
        while let Some(result) = serving.join_next().await {
            result.map_err(io::Error::other)??;
        }
        while let Some(result) = alerting.join_next().await {
            result.map_err(io::Error::other)?;
        }
        Ok(())
    }
}

async fn serve(
    incoming: Incoming,
    router: Router,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(incoming, router).with_graceful_shutdown(stopped).await
}

async fn ended(mut stopped: watch::Receiver<bool>) {
    // The sender goes away only with the server.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn open(purpose: Purpose, address: SocketAddr, settings: &Settings) -> Result<Door, StartError> {
    if !address.ip().is_loopback() && settings.token.is_none() {
        return Err(StartError::Open { purpose: purpose.name(), address });
    }
    let tls = settings.tls.as_ref().map(|files| files.load(purpose.protocol())).transpose()?;
    let listener = TcpListener::bind(address).await.map_err(|source| StartError::Bind {
        purpose: purpose.name(),
        address,
        source,
    })?;
    Ok(Door { purpose, listener, tls })
}
