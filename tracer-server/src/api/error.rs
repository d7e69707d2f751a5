//! What a question can be answered with instead of an answer: JSON with a reason.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// A question without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// A parameter that cannot be read.
    #[error("The parameter {name} is {value:?}; it must be {expected}.")]
    Parameter {
        /// Its name.
        name: String,
        /// What it says.
        value: String,
        /// What it should say.
        expected: &'static str,
    },
    /// A parameter that is needed.
    #[error("The parameter {0} is missing.")]
    Missing(&'static str),
    /// A query that cannot be read.
    #[error(transparent)]
    Query(crate::traceql::SyntaxError),
    /// No such trace.
    #[error("There is no trace {0} here (any more).")]
    NoTrace(String),
    /// No such silence.
    #[error("There is no silence {0} here (any more).")]
    NoSilence(String),
    /// A body that is not what it should be.
    #[error("The body is not understood: {0}")]
    Body(String),
    /// No or another token.
    #[error("This server asks for a token: send the header `authorization: Bearer <token>`.")]
    Unauthorized,
    /// By the name of somebody else.
    #[error(
        "This server is not called {0:?}: ask for localhost or an address, or start it with --allow-host {0}. A page of another site may \
         be behind the request."
    )]
    OtherHost(String),
    /// Too many questions.
    #[error("The server is busy with other queries; try again.")]
    Busy,
    /// The question itself failed.
    #[error("The query failed; the server's log says why.")]
    Failed,
}

impl ApiError {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Parameter { .. } | Self::Missing(_) | Self::Query(_) | Self::Body(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::NoTrace(_) | Self::NoSilence(_) => StatusCode::NOT_FOUND,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::OtherHost(_) => StatusCode::FORBIDDEN,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A word for programs.
    fn reason(&self) -> &'static str {
        match self {
            Self::Parameter { .. } => "bad_parameter",
            Self::Missing(_) => "missing_parameter",
            Self::Query(_) => "bad_query",
            Self::NoTrace(_) => "trace_not_found",
            Self::NoSilence(_) => "silence_not_found",
            Self::Body(_) => "bad_body",
            Self::Unauthorized => "unauthorized",
            Self::OtherHost(_) => "other_host",
            Self::Busy => "busy",
            Self::Failed => "failed",
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let body =
            json!({"error": {"code": status.as_u16(), "reason": self.reason(), "message": self.to_string()}});
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
