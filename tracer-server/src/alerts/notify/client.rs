//! One request at a time, with a bound on its time.

use std::{io, time::Duration};

use http_body_util::Full;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::client::legacy;

use super::super::rules::Receiver;
use crate::https;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct Client(https::Client);

/// A message was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// The token cannot be read.
    #[error("the token file cannot be read: {0}")]
    Token(io::Error),
    /// The request cannot be made.
    #[error("the url or the token cannot be sent: {0}")]
    Request(hyper::http::Error),
    /// Nobody answered.
    #[error("no answer: {0}")]
    Connection(legacy::Error),
    /// Nobody answered in time.
    #[error("no answer within 10 s")]
    Slow,
    /// Not taken.
    #[error("the answer was {0}")]
    Refused(StatusCode),
}

impl PostError {
    /// Whether another attempt may help.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Token(_) | Self::Request(_) => false,
            Self::Connection(_) | Self::Slow => true,
            Self::Refused(status) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

impl Client {
    /// A client that trusts the host's certificate authorities.
    pub(super) fn new() -> io::Result<Self> {
        https::client().map(Self)
    }

    /// Posts JSON to a path below the receiver's url.
    pub(super) async fn post(
        &self,
        receiver: &Receiver,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<(), PostError> {
        let base = receiver.url.to_string();
        let uri: Uri = format!("{}{path}", base.trim_end_matches('/'))
            .parse()
            .map_err(|e| PostError::Request(hyper::http::Error::from(e)))?;
        let mut request = Request::post(uri).header(header::CONTENT_TYPE, "application/json");
        if let Some(file) = &receiver.token_file {
            let token =
                tokio::task::block_in_place(|| std::fs::read_to_string(file)).map_err(PostError::Token)?;
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.trim()));
        }
        let request = request.body(Full::from(body.to_string())).map_err(PostError::Request)?;
        let answer =
            tokio::time::timeout(PATIENCE, self.0.request(request)).await.map_err(|_| PostError::Slow)?;
        let status = answer.map_err(PostError::Connection)?.status();
        if status.is_success() { Ok(()) } else { Err(PostError::Refused(status)) }
    }
}
