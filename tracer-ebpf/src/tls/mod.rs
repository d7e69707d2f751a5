//! Plaintext of TLS connections: probes in the functions of a TLS library, and the socket that a library's object is using.
//!
//! Which socket an object uses is told by evidence alone: while a thread is inside a call for an object, TLS records that the
//! thread sends or receives are that object's; and a record that the library wrote into memory for an object is that object's
//! wherever it is sent. Where no such record was seen, the plaintext belongs to no socket and is
//! counted (`KernelDrop::TlsUntied`).

mod call;
mod forget;
mod go;
mod layer;
mod sealed;
mod tie;

pub(crate) use call::Call;
pub(crate) use go::{GoCall, Goroutine};
pub(crate) use layer::{Key, Layer};
pub(crate) use tie::{RECORD_HEADER, is_client_hello, is_handshake, is_record, record_passed};
