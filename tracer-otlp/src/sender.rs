//! One attempt at delivering one batch, whatever the protocol.

use crate::{
    grpc::GrpcSender,
    http::HttpSender,
    outcome::Outcome,
    settings::{Protocol, Settings},
    tls::CredentialError,
};
use bytes::Bytes;
use hyper::header::{HeaderValue, USER_AGENT};
use std::{io, time::Duration};
use tokio::time;

/// The transport of the chosen protocol, bounded in time.
pub(crate) struct Sender {
    transport: Transport,
    timeout: Duration,
}

enum Transport {
    Grpc(GrpcSender),
    Http(HttpSender),
}

impl Sender {
    pub(crate) fn new(settings: &Settings, user_agent: HeaderValue) -> Result<Sender, CredentialError> {
        let mut headers = settings.headers.map().clone();
        // A user agent among the given headers was meant.
        headers.entry(USER_AGENT).or_insert(user_agent);
        let transport = match settings.protocol {
            Protocol::Grpc => Transport::Grpc(GrpcSender::new(settings, headers)?),
            Protocol::HttpProtobuf => Transport::Http(HttpSender::new(settings, None, headers)?),
            Protocol::Post(body) => Transport::Http(HttpSender::new(settings, Some(body), headers)?),
        };
        Ok(Sender { transport, timeout: settings.timeout })
    }

    /// The payload as [`Sender::send`] wants it.
    pub(crate) fn body(&self, payload: &Bytes) -> io::Result<Bytes> {
        match &self.transport {
            Transport::Grpc(_) => Ok(payload.clone()),
            Transport::Http(http) => http.body(payload),
        }
    }

    pub(crate) async fn send(&self, body: Bytes) -> Outcome {
        let attempt = async {
            match &self.transport {
                Transport::Grpc(grpc) => grpc.send(body).await,
                Transport::Http(http) => http.send(body).await,
            }
        };
        match time::timeout(self.timeout, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::unavailable(format!("no answer within {:?}", self.timeout)),
        }
    }
}
