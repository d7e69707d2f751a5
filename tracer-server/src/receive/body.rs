//! The bytes of a request, decompressed within bounds.

use std::io::{self, Read};

use axum::{body::Body, http::HeaderMap};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::{LARGEST_REQUEST, Refusal};

/// Reads and decompresses a body; neither form may exceed [`LARGEST_REQUEST`].
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let encoding = headers.get("content-encoding").map_or("", |value| value.to_str().unwrap_or("?"));
    let encoding = encoding.trim().to_ascii_lowercase();
    if !["", "identity", "gzip", "zstd"].contains(&encoding.as_str()) {
        return Err(Refusal::ContentEncoding(encoding));
    }
    let sent = match Limited::new(body, LARGEST_REQUEST).collect().await {
        Ok(sent) => sent.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Refusal::TooLarge),
        Err(error) => return Err(Refusal::Body(format!("the body ends early ({error})"))),
    };
    match encoding.as_str() {
        "gzip" => decompress(flate2::read::MultiGzDecoder::new(&*sent), sent.len()),
        "zstd" => decompress(zstd::Decoder::new(&*sent).map_err(|error| broken(&error))?, sent.len()),
        _ => Ok(sent),
    }
}

/// Reads to the end, or to the first byte too many: what a bomb would unpack to is never held.
fn decompress(reader: impl Read, compressed: usize) -> Result<Bytes, Refusal> {
    let mut bytes = Vec::with_capacity((compressed * 4).min(LARGEST_REQUEST));
    let mut limited = reader.take(LARGEST_REQUEST as u64 + 1);
    limited.read_to_end(&mut bytes).map_err(|error| broken(&error))?;
    if bytes.len() > LARGEST_REQUEST { Err(Refusal::TooLarge) } else { Ok(Bytes::from(bytes)) }
}

fn broken(error: &io::Error) -> Refusal {
    Refusal::Body(format!("it cannot be decompressed ({error})"))
}
