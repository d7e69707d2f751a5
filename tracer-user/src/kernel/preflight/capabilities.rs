//! Each capability: what it is for, how long it is kept, and what is lost without it.

use super::{
    evaluate::Finding,
    facts::{Capability, Facts},
};

/// What a capability does for the tracer.
struct Use {
    capability: Capability,
    /// Completes "It is there ...".
    purpose: &'static str,
    /// A sentence.
    loses: &'static str,
}

/// Those that the start stands or falls with are judged by `evaluate::privileges`; these are the others.
const USES: [Use; 6] = [
    Use {
        capability: Capability::SysPtrace,
        purpose: "to read what other users' processes are called, what they run and which container they are in; it is kept",
        loses: "Services may be named after their command instead of their executable, rules by executable do not match, TLS \
                libraries in containers are not found, and what stands late in a large environment is not seen.",
    },
    Use {
        capability: Capability::DacReadSearch,
        purpose: "to read executables and libraries that are closed to others; it is kept",
        loses: "TLS connections and the tasks of programs in closed directories are not read.",
    },
    Use {
        capability: Capability::CheckpointRestore,
        purpose: "to read libraries that were replaced while they are in use; it is kept",
        loses: "TLS libraries that were replaced by an update are not read until their processes are started anew.",
    },
    Use {
        capability: Capability::NetAdmin,
        purpose: "to make the table of sockets that the programs come with; it is dropped after the start, unless trace context \
                  is written into requests",
        loses: "The kernel may refuse that table, and nothing can be traced then; trace context cannot be written.",
    },
    Use {
        capability: Capability::SysAdmin,
        purpose: "for probes in other users' programs; it is dropped after the start on kernels that do not want it for those",
        loses: "Kernels before 6.6 with the fixes of late 2025 refuse such probes: TLS connections may not be read, nor the tasks \
                of Python and Go; `tracer status` says it of each library.",
    },
    Use {
        capability: Capability::SysNice,
        purpose: "to be scheduled before the load that it traces; it is dropped after the start",
        loses: "On a busy host more events may be lost, which `tracer status` counts.",
    },
];

/// One finding for each.
pub(super) fn findings(facts: &Facts) -> impl Iterator<Item = Finding> {
    USES.iter().map(|Use { capability, purpose, loses }| {
        let name = capability.name();
        // CAP_SYS_ADMIN does for files of other mount namespaces, too, and for sockets.
        let covered = matches!(capability, Capability::CheckpointRestore | Capability::NetAdmin)
            && facts.has(Capability::SysAdmin);
        if facts.has(*capability) {
            Finding::ok(name, format!("It is there {purpose}."))
        } else if covered {
            Finding::ok(name, "CAP_SYS_ADMIN does in its place.")
        } else {
            Finding::warning(name, "This process lacks it.")
                .loses(*loses)
                .advice(format!("Run the tracer as root, or give it {name}."))
        }
    })
}
