//! HTTP to the API server.

use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, Uri,
    body::Incoming,
    header::{ACCEPT, AUTHORIZATION, HeaderValue, USER_AGENT},
    http::uri::PathAndQuery,
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Http, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use thiserror::Error;

use crate::settings::Settings;

/// Longest list of pods, or pod, in bytes.
const MAX_ANSWER: usize = 32 << 20;
/// How long the head of an answer, or a piece of a list, may take. A watch is told below how long to live.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long nothing may come on a watch: longer than [`crate::watch::WATCH_SECONDS`].
const SILENCE: Duration = Duration::from_secs(330);

/// The API server cannot be asked, or its answer is of no use.
#[derive(Debug, Error)]
pub enum ClientError {
    /// A file of the service account cannot be read.
    #[error("{0} cannot be read: {1}")]
    File(PathBuf, io::Error),
    /// The authorities are of no use.
    #[error("{0} holds no certificates that can be used: {1}")]
    Authorities(PathBuf, String),
    /// The token is no header.
    #[error("the token in {0} cannot be sent in a header")]
    Token(PathBuf),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The request is none.
    #[error("the request cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
    /// No connection.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    /// The connection ended within an answer.
    #[error("the connection to the API server broke: {0}")]
    Broken(#[from] hyper::Error),
    /// Nothing came.
    #[error("the API server did not answer in time")]
    TooLate,
    /// The server says no.
    #[error("the API server answers {0}; may the service account list and watch pods?")]
    Status(u16),
    /// What was known is too old to go on from.
    #[error("the API server has forgotten the version that was known (410 Gone)")]
    Gone,
    /// The answer is too long.
    #[error("an answer of the API server has more than {MAX_ANSWER} bytes")]
    TooLong,
    /// The answer is not what it should be.
    #[error("an answer of the API server is not what it should be: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// A client of one API server.
pub(crate) struct Client {
    http: Http<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    server: Uri,
    token: Option<PathBuf>,
}

impl Client {
    pub(crate) fn new(settings: &Settings) -> Result<Self, ClientError> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &settings.authorities {
            let unusable = |problem: String| ClientError::Authorities(path.clone(), problem);
            let text = fs::read(path).map_err(|error| ClientError::File(path.clone(), error))?;
            for certificate in CertificateDer::pem_slice_iter(&text) {
                let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
            }
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let http = Http::builder(TokioExecutor::new()).build(connector);
        Ok(Self { http, server: settings.server.clone(), token: settings.token.clone() })
    }

    /// Asks for a path, and waits for the head of the answer.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, ClientError> {
        let mut parts = self.server.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(path).map_err(hyper::http::Error::from)?);
        let mut request = Request::get(Uri::from_parts(parts).map_err(hyper::http::Error::from)?)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("tracer/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &self.token {
            let token = fs::read_to_string(path).map_err(|error| ClientError::File(path.clone(), error))?;
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))
                .map_err(|_| ClientError::Token(path.clone()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let answer = self.http.request(request.body(Empty::new())?);
        let answer = tokio::time::timeout(PATIENCE, answer).await.map_err(|_| ClientError::TooLate)??;
        match answer.status().as_u16() {
            200 => Ok(Answer { body: answer.into_body(), pending: BytesMut::new() }),
            410 => Err(ClientError::Gone),
            status => Err(ClientError::Status(status)),
        }
    }
}

/// The body of an answer.
pub(crate) struct Answer {
    body: Incoming,
    pending: BytesMut,
}

impl Answer {
    /// All of it.
    pub(crate) async fn whole(mut self) -> Result<BytesMut, ClientError> {
        while self.more(PATIENCE).await? {}
        Ok(self.pending)
    }

    /// The next line, without its end; `None` at the end.
    pub(crate) async fn line(&mut self) -> Result<Option<BytesMut>, ClientError> {
        let mut seen = 0;
        loop {
            if let Some(at) = self.pending[seen..].iter().position(|&byte| byte == b'\n') {
                let mut line = self.pending.split_to(seen + at + 1);
                line.truncate(seen + at);
                return Ok(Some(line));
            }
            seen = self.pending.len();
            // What comes after the last end of line is half an event.
            if !self.more(SILENCE).await? {
                return Ok(None);
            }
        }
    }

    /// Waits for more bytes; `false` at the end.
    async fn more(&mut self, patience: Duration) -> Result<bool, ClientError> {
        let frame =
            tokio::time::timeout(patience, self.body.frame()).await.map_err(|_| ClientError::TooLate)?;
        let Some(frame) = frame.transpose()? else { return Ok(false) };
        if let Ok(data) = frame.into_data() {
            if self.pending.len() + data.len() > MAX_ANSWER {
                return Err(ClientError::TooLong);
            }
            self.pending.extend_from_slice(&data);
        }
        Ok(true)
    }
}
