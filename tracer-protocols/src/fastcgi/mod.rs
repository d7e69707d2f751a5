//! FastCGI 1.0 (FastCGI Specification, 29 April 1996): how a web server asks PHP-FPM and its like.
//!
//! Read are the parameters of a request, which hold what the web server was asked, the status of its answer, and the answer's end. Bodies are
//! passed over by their lengths. A connection carries one request at a time: nobody multiplexes.
//!
//! | state | bytes | a gap |
//! |---|---|---|
//! | before a request | `BEGIN_REQUEST` and the first `PARAMS`, together | cuts the parameters, or loses framing |
//! | within a record | unread | within the record, none |
//! | before an answer's end | `END_REQUEST` | of its header, none: its body is enough |
//! | requests adrift | what begins with `BEGIN_REQUEST` goes on | |
//! | answers adrift | what ends in `END_REQUEST` goes on there | |

mod answer;
mod limits;
mod params;
mod record;
mod request;

pub use answer::{Answer, Answers};
pub use limits::MAX_KEPT;
pub use params::{Params, Request};
pub use request::{Detection, Requests, detect};
