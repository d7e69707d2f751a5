//! MySQL and MariaDB (MySQL source code documentation, "Client/Server Protocol"; MariaDB documentation, "Client/Server Protocol").
//!
//! Read are the greeting's kind of server, the login's database, statements, numbers of prepared ones, and of answers errors and where they
//! end. Rows and descriptions of columns are passed over by their lengths.
//!
//! | state | bytes | a gap |
//! |---|---|---|
//! | before a packet | length and number | loses framing |
//! | within a packet | what is kept of it, the rest unread | within the unread part, none |
//! | requests adrift | what begins with a statement goes on | |
//! | answers adrift | what ends in the end of a result goes on there | |

mod answer;
mod limits;
mod login;
mod packet;
mod request;

pub use answer::{Answer, Answers, Expects};
pub use limits::MAX_KEPT;
pub use login::Login;
pub use request::{Request, Requests};

pub use crate::framing::Detection;

/// Whether `bytes` begin with the server's greeting, the client's login, or a command.
pub fn detect(bytes: &[u8]) -> Detection {
    request::detect(bytes)
}
