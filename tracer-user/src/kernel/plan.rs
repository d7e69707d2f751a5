//! How the kernel side sees bytes going through sockets. Which way this kernel allows is tried at the start, never told by its version.

use serde::Serialize;

use super::programs::{Need, ProgramSpec};

/// A way to see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// By the tracepoints `sock_send_length` and `sock_recv_length` (kernel 6.3).
    Base,
    /// At the exit of the functions that those tracepoints stand behind.
    Fexit,
}

impl Plan {
    /// All of them, the best first.
    pub const ALL: [Self; 2] = [Self::Base, Self::Fexit];

    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Fexit => "fexit",
        }
    }

    /// What it is, as a sentence.
    pub const fn means(self) -> &'static str {
        match self {
            Self::Base => "Plan base: bytes through sockets are seen by the kernel's socket tracepoints.",
            Self::Fexit => {
                "Plan fexit: bytes through sockets are seen at the exit of the kernel's socket functions, since its socket \
                 tracepoints cannot be used."
            }
        }
    }

    /// Its programs, in the order of attaching.
    pub const fn programs(self) -> &'static [ProgramSpec] {
        match self {
            Self::Base => BASE,
            Self::Fexit => FEXIT,
        }
    }
}

const fn base(name: &'static str, tracepoint: &'static str) -> ProgramSpec {
    ProgramSpec { name, tracepoint, need: Need::Required, loss: "nothing can be traced in plan base" }
}

const BASE: &[ProgramSpec] =
    &[base("sock_recv", "sock_recv_length"), base("sock_send", "sock_send_length"), INET_PAGES, UNIX_PAGES];

const fn fexit(name: &'static str, function: &'static str) -> ProgramSpec {
    ProgramSpec {
        name,
        tracepoint: function,
        need: Need::Required,
        loss: "nothing can be traced in plan fexit",
    }
}

const FEXIT: &[ProgramSpec] = &[
    fexit("inet_received", "inet_recvmsg"),
    fexit("inet6_received", "inet6_recvmsg"),
    fexit("unix_received", "unix_stream_recvmsg"),
    fexit("inet_sent", "inet_sendmsg"),
    fexit("inet6_sent", "inet6_sendmsg"),
    fexit("unix_sent", "unix_stream_sendmsg"),
    INET_PAGES,
    UNIX_PAGES,
];

const INET_PAGES: ProgramSpec = pages("inet_page_sent", "inet_sendpage");
const UNIX_PAGES: ProgramSpec = pages("unix_page_sent", "unix_stream_sendpage");

const fn pages(name: &'static str, function: &'static str) -> ProgramSpec {
    ProgramSpec {
        name,
        tracepoint: function,
        need: Need::WhereThere,
        loss: "answers that are sent by sendfile or splice are taken for incomplete",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_program_has_one_place_in_a_plan() {
        for plan in Plan::ALL {
            let names: HashSet<_> = plan.programs().iter().map(|spec| spec.name).collect();
            let functions: HashSet<_> = plan.programs().iter().map(|spec| spec.tracepoint).collect();
            assert_eq!((names.len(), functions.len()), (plan.programs().len(), plan.programs().len()));
            assert!(plan.means().contains(&format!("Plan {}:", plan.name())));
        }
    }
}
