//! Verdicts, by rules and process.

use std::path::Path;

use super::*;
use crate::identity::ProcessFacts;

fn select(include: &[&str], exclude: &[&str]) -> Select {
    let rules = |rules: &[&str]| rules.iter().map(|rule| (*rule).to_owned()).collect();
    let flags = Flags { include: rules(include), exclude: rules(exclude), ..Flags::default() };
    combine(None, &flags, &Environment::default()).expect("good rules").select
}

fn python() -> ProcessFacts {
    ProcessFacts {
        pid: 4711,
        comm: "python3".to_owned(),
        exe: Some("/usr/bin/python3.11".into()),
        args: ["python3", "/srv/shop/manage.py", "runserver"].map(str::to_owned).to_vec(),
        container_id: Some("4f5a".repeat(16)),
        container_name: Some("web-1".to_owned()),
        ..ProcessFacts::default()
    }
}

fn excluded(rule: &str) -> Verdict {
    Verdict::Skip(SkipReason::Excluded(rule.into()))
}

#[test]
fn a_rule_matches_where_every_field_does() {
    let matching = [
        "exe=/usr/bin/py*",
        "exe=python3*",
        "exe=/usr/**/python*",
        "exe=*/python3*",
        "exe=/{usr,opt}/bin/python3.[0-9]*",
        "command=python3 /srv/*runserver",
        "pid=4711",
        "container=4f5a*",
        "container=web-?",
        "service=web-*",
        "exe=python3*,command=*manage.py*,pid=4711,container=web-1,service=web-1",
    ];
    for rule in matching {
        assert_eq!(select(&[rule], &[]).verdict(&python()), Verdict::Trace, "include {rule}");
        assert_eq!(select(&[], &[rule]).verdict(&python()), excluded(rule), "exclude {rule}");
    }
    let other = [
        "exe=/usr/py*",
        "exe=python",
        "exe=/opt/*",
        "command=manage.py",
        "pid=471",
        "container=4f5a",
        "service=sho",
        "exe=python3*,pid=1",
    ];
    for rule in other {
        let skip = Verdict::Skip(SkipReason::NotIncluded);
        assert_eq!(select(&[rule], &[]).verdict(&python()), skip, "include {rule}");
        assert_eq!(select(&[], &[rule]).verdict(&python()), Verdict::Trace, "exclude {rule}");
    }
}

#[test]
fn what_is_unknown_matches_no_rule() {
    let unknown = ProcessFacts { pid: 1, ..ProcessFacts::default() };
    for rule in ["exe=*", "container=*"] {
        assert_eq!(select(&[], &[rule]).verdict(&unknown), Verdict::Trace, "{rule}");
    }
    assert_eq!(
        select(&[], &["service=unknown_service"]).verdict(&unknown),
        excluded("service=unknown_service")
    );
}

#[test]
fn exclude_wins_over_include() {
    assert_eq!(select(&["exe=python*"], &["service=web-1"]).verdict(&python()), excluded("service=web-1"));
}

#[test]
fn rules_with_ports_leave_the_verdict_to_the_connection() {
    let judge = |select: &Select, port| match select.verdict(&python()) {
        Verdict::ByPort(filter) => filter.verdict(port),
        verdict => panic!("{verdict:?} does not depend on the port"),
    };
    let included = select(&["exe=python*,port=8000-8999", "port=80"], &["port=8080"]);
    assert_eq!(judge(&included, Some(8000)), Verdict::Trace);
    assert_eq!(judge(&included, Some(8999)), Verdict::Trace);
    assert_eq!(judge(&included, Some(80)), Verdict::Trace);
    assert_eq!(judge(&included, Some(8080)), excluded("port=8080"));
    assert_eq!(judge(&included, Some(9000)), Verdict::Skip(SkipReason::NotIncluded));
    assert_eq!(judge(&included, None), Verdict::Skip(SkipReason::NotIncluded));

    // A rule of another process does not count, and one without a port includes all ports.
    let mixed = select(&["exe=node,port=1", "pid=4711"], &["pid=4711,port=22", "pid=1,port=23"]);
    assert_eq!(judge(&mixed, Some(22)), excluded("port=22,pid=4711"));
    assert_eq!(judge(&mixed, Some(23)), Verdict::Trace);
    assert_eq!(judge(&mixed, None), Verdict::Trace);

    assert_eq!(select(&["exe=node,port=1"], &[]).verdict(&python()), Verdict::Skip(SkipReason::NotIncluded));
}

#[test]
fn a_port_alone_is_judged_by_rules_that_name_nothing_else() {
    let select = select(&["port=80"], &["port=20-22", "exe=sshd,port=2222"]);
    assert_eq!(select.port_verdict(22), excluded("port=20-22"));
    assert_eq!(select.port_verdict(2222), Verdict::Trace);
    assert_eq!(select.port_verdict(443), Verdict::Trace);
}

#[test]
fn reasons_are_sentences_for_people() {
    let reason = SkipReason::Excluded("port=22".into());
    assert_eq!(reason.to_string(), "the exclude rule `port=22` matches");
    assert_eq!(SkipReason::NotIncluded.to_string(), "no include rule matches");
}

#[test]
fn a_path_glob_with_a_slash_compares_the_whole_path() {
    let pattern: PathPattern = "bin/py*".parse().expect("a glob");
    assert!(!pattern.matches(Path::new("/usr/bin/python3")));
    assert!("**/bin/py*".parse::<PathPattern>().expect("a glob").matches(Path::new("/usr/bin/python3")));
}
