//! The table of kernel programs: what each is attached to and what is lost without it.

/// One program of the object.
#[derive(Clone, Copy, Debug)]
pub struct ProgramSpec {
    /// Its name in the object.
    pub name: &'static str,
    /// The tracepoint that it attaches to, or the function of the kernel or of traced programs.
    pub tracepoint: &'static str,
    /// When it is needed.
    pub need: Need,
    /// What is lost when this kernel does not take it, as the end of the sentence "without it, ...".
    pub loss: &'static str,
}

/// When a program is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Always; the daemon does not start without it.
    Required,
    /// Always; the daemon starts without it.
    Useful,
    /// Where the kernel has the function; elsewhere nothing is lost without it.
    WhereThere,
    /// Once a traced process has the function.
    OnDemand,
}

/// Every program that all plans share (see [`super::plan`], whose programs come behind), in the order of attaching: endings before beginnings, so that nothing is opened that is never closed.
pub const PROGRAMS: &[ProgramSpec] = &[
    ProgramSpec {
        name: "process_exit",
        tracepoint: "sched_process_exit",
        need: Need::Useful,
        loss: "processes that ended are remembered until the table is full",
    },
    ProgramSpec {
        name: "process_exec",
        tracepoint: "sched_process_exec",
        need: Need::Useful,
        loss: "a process that replaces its program keeps its old name",
    },
    ProgramSpec {
        name: "process_fork",
        tracepoint: "sched_process_fork",
        need: Need::Useful,
        loss: "the requests of a program that a service starts stand alone, and `tracer exec` does not trace children",
    },
    ProgramSpec {
        name: "sock_state",
        tracepoint: "inet_sock_set_state",
        need: Need::Useful,
        loss: "resets and responses that end with their connection are noticed late",
    },
];

/// Which goroutine makes a call.
pub const ROUND_TRIP: ProgramSpec = ProgramSpec {
    name: "go_round_trip",
    tracepoint: "net/http.(*persistConn).roundTrip",
    need: Need::OnDemand,
    loss: "the calls of Go programs stand alone",
};

/// Which goroutine writes for others.
pub const SHARED_WRITER: ProgramSpec = ProgramSpec {
    name: "go_shared_writer",
    tracepoint: "grpc/internal/transport.(*loopyWriter).run",
    need: Need::OnDemand,
    loss: "the gRPC calls of Go programs belong to the request that opened the channel, while that is in hand",
};

/// Which goroutine started another one.
pub const NEW_GOROUTINE: ProgramSpec = ProgramSpec {
    name: "go_new_goroutine",
    tracepoint: "runtime.newproc",
    need: Need::OnDemand,
    loss: "the calls of goroutines that a handler starts stand alone",
};

/// Which task started another one.
pub const NEW_CONTEXT: ProgramSpec = ProgramSpec {
    name: "python_new_context",
    tracepoint: "PyContext_CopyCurrent",
    need: Need::OnDemand,
    loss: "the calls of tasks that a handler starts stand alone",
};
