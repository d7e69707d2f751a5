//! Hosts made up, and what is said of them.

use super::{
    evaluate::{State, evaluate, usable},
    facts::{Capability, Facts, KernelTypes, Load, Lockdown},
};
use crate::kernel::btf::Lacking;

/// A host where everything is as it should be.
pub(super) fn good() -> Facts {
    Facts {
        kernel: "6.12.0 x86_64".into(),
        uid: 0,
        capabilities: u64::MAX,
        types: KernelTypes::Searched(Lacking::default()),
        missing_maps: Vec::new(),
        load: Load::Works(Vec::new()),
        propagation: Some(Ok(())),
        lockdown: Lockdown::None,
        tracefs: true,
        bpffs: true,
        runs_32_bit: false,
        uprobes: true,
        io_uring_off: true,
        memlock: Some(65_536),
    }
}

fn without(capabilities: &[Capability]) -> u64 {
    capabilities.iter().fold(u64::MAX, |all, &capability| all & !(1 << capability as u32))
}

fn state(facts: &Facts, what: &str) -> State {
    evaluate(facts).into_iter().find(|finding| finding.what == what).map(|finding| finding.state).unwrap()
}

#[test]
fn context_that_cannot_be_written_is_a_warning_with_its_reason() {
    let reason = "in the self-test, FIONREAD does not count what a server sends first";
    let facts = Facts { propagation: Some(Err(reason.into())), ..good() };
    let findings = evaluate(&facts);
    let finding = findings.iter().find(|finding| finding.what == "trace context in requests").unwrap();
    assert_eq!(finding.state, State::Warning);
    assert!(finding.means.contains(reason), "{finding:?}");
    assert!(usable(&findings), "everything else works");
    let untried = Facts { propagation: None, ..good() };
    assert!(evaluate(&untried).iter().all(|finding| finding.what != "trace context in requests"));
}

#[test]
fn a_good_host_is_usable_and_nothing_is_lost() {
    let findings = evaluate(&good());
    assert!(usable(&findings));
    for finding in &findings {
        assert_eq!(
            (finding.state, &finding.loses, &finding.advice),
            (State::Ok, &None, &None),
            "{finding:?}"
        );
    }
}

#[test]
fn capabilities_count_not_the_user() {
    let user = Facts { uid: 1000, ..good() };
    assert!(usable(&evaluate(&user)));
    let plain = Facts { uid: 1000, capabilities: 0, load: Load::Refused("EPERM".into()), ..good() };
    assert_eq!(state(&plain, "privileges"), State::Missing);
    let text = format!("{:?}", evaluate(&plain));
    assert!(text.contains("CAP_BPF and CAP_PERFMON") && text.contains("setcap"), "{text}");
    // A container's root is root by name alone.
    let contained = Facts { capabilities: 0, ..good() };
    assert_eq!(state(&contained, "privileges"), State::Missing);
    assert!(format!("{:?}", evaluate(&contained)).contains("--cap-add"));
}

#[test]
fn the_old_capability_still_does() {
    let facts = Facts { capabilities: without(&[Capability::Bpf, Capability::Perfmon]), ..good() };
    assert_eq!(state(&facts, "privileges"), State::Ok);
    let facts = Facts { capabilities: without(&[Capability::Bpf, Capability::SysAdmin]), ..good() };
    assert_eq!(state(&facts, "privileges"), State::Missing);
    assert!(!evaluate(&facts)[0].means.contains("CAP_PERFMON"), "that one is there");
}

#[test]
fn closed_proc_costs_names_but_not_traces() {
    let facts = Facts { capabilities: without(&[Capability::SysPtrace]), ..good() };
    assert_eq!(state(&facts, "CAP_SYS_PTRACE"), State::Warning);
    assert!(usable(&evaluate(&facts)));
}

#[test]
fn each_capability_is_named_with_what_is_lost_without_it() {
    use Capability::{CheckpointRestore, DacReadSearch, NetAdmin, SysAdmin, SysNice, SysPtrace};
    let all = [SysPtrace, DacReadSearch, CheckpointRestore, NetAdmin, SysAdmin, SysNice];
    for capability in all {
        assert_eq!(state(&good(), capability.name()), State::Ok, "{capability:?}");
    }
    let findings = evaluate(&Facts { capabilities: without(&all), ..good() });
    for capability in all {
        let finding = findings.iter().find(|finding| finding.what == capability.name()).unwrap();
        assert_eq!(finding.state, State::Warning, "{capability:?}");
        assert!(finding.loses.is_some() && finding.advice.as_ref().unwrap().contains(capability.name()));
    }
    // The old capability does for sockets and mappings.
    let facts = Facts { capabilities: without(&[CheckpointRestore, NetAdmin]), ..good() };
    assert_eq!(state(&facts, "CAP_NET_ADMIN"), State::Ok);
    assert_eq!(state(&facts, "CAP_CHECKPOINT_RESTORE"), State::Ok);
}

#[test]
fn maps_that_want_the_networks_capability_say_so() {
    let failing = vec![("tables of sockets", "not permitted".into())];
    let lacking = without(&[Capability::NetAdmin, Capability::SysAdmin]);
    let facts = Facts { capabilities: lacking, missing_maps: failing.clone(), ..good() };
    let advice = |facts: &Facts| {
        let findings = evaluate(facts);
        findings.into_iter().find(|finding| finding.what == "kernel maps").unwrap().advice.unwrap()
    };
    assert!(advice(&facts).contains("CAP_NET_ADMIN"));
    assert!(!advice(&Facts { missing_maps: failing, ..good() }).contains("CAP_NET_ADMIN"));
}

#[test]
fn an_old_kernel_lacks_the_socket_tracepoints() {
    let lacking = Lacking { fields: vec![], tracepoints: vec!["sock_recv_length", "sock_send_length"] };
    let facts = Facts { types: KernelTypes::Searched(lacking), ..good() };
    let findings = evaluate(&facts);
    assert!(!usable(&findings));
    assert!(format!("{findings:?}").contains("sock_recv_length and sock_send_length"));
}

#[test]
fn a_refusal_is_worth_a_report_only_where_nothing_explains_it() {
    let refused = Facts { load: Load::Refused("no".into()), ..good() };
    let advice = |facts: &Facts| {
        let findings = evaluate(facts);
        let finding = findings.into_iter().find(|finding| finding.what == "kernel programs");
        finding.and_then(|finding| finding.advice).unwrap()
    };
    assert!(advice(&refused).starts_with("Report this"));
    assert!(advice(&Facts { capabilities: 0, ..refused }).starts_with("Solve what is missing above"));
}

#[test]
fn a_tracepoint_that_is_only_useful_is_a_warning_that_says_what_is_lost() {
    let lacking = Lacking { fields: vec![], tracepoints: vec!["sched_process_exec"] };
    let facts = Facts { types: KernelTypes::Searched(lacking), ..good() };
    let finding = evaluate(&facts).into_iter().find(|finding| finding.what == "tracepoints").unwrap();
    assert_eq!(finding.state, State::Warning);
    assert_eq!(finding.loses.unwrap(), "A process that replaces its program keeps its old name.");
}

#[test]
fn without_type_information_nothing_works() {
    let facts = Facts { types: KernelTypes::Unreadable("no such file".into()), ..good() };
    assert_eq!(state(&facts, "kernel type information"), State::Missing);
    let lacking = Lacking { fields: vec!["tcp_sock.write_seq".into()], tracepoints: vec![] };
    let facts = Facts { types: KernelTypes::Searched(lacking), ..good() };
    assert_eq!(state(&facts, "kernel type information"), State::Missing);
}

#[test]
fn lockdown_is_only_in_the_way_where_memory_may_not_be_read() {
    for (mode, expected) in [
        (Lockdown::None, State::Ok),
        (Lockdown::Integrity, State::Ok),
        (Lockdown::Unseen, State::Ok),
        (Lockdown::Confidentiality, State::Missing),
    ] {
        assert_eq!(state(&Facts { lockdown: mode, ..good() }, "lockdown"), expected, "{mode:?}");
    }
}

#[test]
fn locked_memory_matters_only_where_maps_fail() {
    let named = |facts: &Facts| evaluate(facts).iter().any(|finding| finding.what == "locked memory");
    assert!(!named(&good()));
    let failing = Facts { missing_maps: vec![("ring buffers", "not permitted".into())], ..good() };
    assert!(named(&failing) && !usable(&evaluate(&failing)));
    assert!(!named(&Facts { memlock: None, ..failing }));
}

#[test]
fn limits_are_told_without_being_warnings() {
    let facts = Facts { runs_32_bit: true, io_uring_off: false, tracefs: false, bpffs: false, ..good() };
    let findings = evaluate(&facts);
    assert!(findings.iter().all(|finding| finding.state == State::Ok));
    assert_eq!(findings.iter().filter(|finding| finding.loses.is_some()).count(), 2);
}

#[test]
fn every_text_is_made_of_full_sentences() {
    let bad = Facts {
        uid: 1000,
        capabilities: 0,
        types: KernelTypes::Unreadable("the file is gone".into()),
        missing_maps: vec![("ring buffers", "not permitted".into())],
        load: Load::Refused("the kernel says no.".into()),
        lockdown: Lockdown::Confidentiality,
        runs_32_bit: true,
        io_uring_off: false,
        ..good()
    };
    let partly = Facts { load: Load::Works(vec![("process_fork", "no; without it, x".into())]), ..good() };
    let unprobed = Facts { uprobes: false, ..good() };
    let limited = Facts { capabilities: without(&[Capability::SysAdmin]), ..good() };
    for facts in [good(), bad, partly, unprobed, limited, Facts { load: Load::Stub, ..good() }] {
        for finding in evaluate(&facts) {
            for text in
                [Some(&finding.means), finding.loses.as_ref(), finding.advice.as_ref()].into_iter().flatten()
            {
                assert!(text.ends_with('.') && !text.ends_with(".."), "{text}");
                assert!(!text.starts_with(char::is_whitespace) && !text.contains("  "), "{text}");
            }
            assert!(
                finding.state == State::Ok || (finding.loses.is_some() && finding.advice.is_some()),
                "{finding:?}"
            );
        }
    }
}
