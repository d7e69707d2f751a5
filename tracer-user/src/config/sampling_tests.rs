//! `[sampling]`: samplers and their arguments, and what is said of wrong ones.

use std::path::Path;

use super::*;

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Sampling, ConfigError> {
    let env = variables.iter().copied().collect();
    combine(Some((Path::new("t.toml"), text)), &Flags::default(), &env).map(|config| config.sampling)
}

fn refused(text: &str) -> String {
    read(text, &[]).expect_err(text).to_string()
}

#[test]
fn every_sampler_of_the_standard_variables_is_known() {
    let choice = |sampler, argument| {
        let variables = [("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", argument)];
        let choice = read("[sampling]\nsampler = 'always_off'", &variables).expect(sampler).choice();
        (choice.parent_based, choice.root)
    };
    assert_eq!(choice("", ""), (false, Root::AlwaysOff), "an empty variable counts as unset");
    assert_eq!(choice("always_on", "x"), (false, Root::AlwaysOn), "an argument that nobody asked for");
    assert_eq!(choice("always_off", ""), (false, Root::AlwaysOff));
    assert_eq!(choice("traceidratio", "0.25"), (false, Root::Ratio(0.25)));
    assert_eq!(choice("traceidratio", ""), (false, Root::Ratio(1.0)));
    assert_eq!(choice("parentbased_always_on", ""), (true, Root::AlwaysOn));
    assert_eq!(choice("parentbased_always_off", ""), (true, Root::AlwaysOff));
    assert_eq!(choice("parentbased_traceidratio", " 1e-3 "), (true, Root::Ratio(0.001)));
    assert_eq!(choice("adaptive", "2"), (false, Root::Adaptive { traces_per_second: 2.0 }));
    assert_eq!(choice("parentbased_adaptive", ""), (true, Root::Adaptive { traces_per_second: 1.0 }));
}

#[test]
fn a_file_gives_arguments_as_numbers_and_rules() {
    let sampling = read(
        "[sampling]\nsampler = 'traceidratio'\nargument = 0.5\ntraces_per_second = 20\n\
         rules = [{ route = '/health', sampler = 'always_off' },\n\
         { service = 'shop*', sampler = 'adaptive', argument = 3, traces_per_second = 0.5 }]\n\
         force_header = 'x-force-trace'\nforce_attributes = [{ key = 'baggage.debug' }]",
        &[],
    )
    .expect("good");
    assert_eq!(sampling.choice().root, Root::Ratio(0.5));
    assert!((sampling.traces_per_second - 20.0).abs() < f64::EPSILON);
    assert_eq!(sampling.rules[0].choice().root, Root::AlwaysOff);
    assert_eq!(sampling.rules[1].choice().root, Root::Adaptive { traces_per_second: 3.0 });
    assert!((sampling.rules[1].traces_per_second - 0.5).abs() < f64::EPSILON);
    let limited = read("", &[("TRACER_SAMPLING_TRACES_PER_SECOND", "2.5")]).expect("good");
    assert!((limited.traces_per_second - 2.5).abs() < f64::EPSILON);
}

#[test]
fn wrong_samplers_are_named() {
    let expects = "It must be \"always_on\", \"always_off\", \"traceidratio\" or \"adaptive\", each also with \
                   \"parentbased_\" in front.";
    assert_eq!(
        refused("[sampling]\nsampler = 'sometimes'"),
        format!(
            "t.toml:2:11: `sampling.sampler` cannot be 'sometimes': \"sometimes\" is no sampler. {expects}"
        )
    );
    let message = read("", &[("OTEL_TRACES_SAMPLER", "jaeger_remote")]).expect_err("refused").to_string();
    assert_eq!(
        message,
        format!(
            "environment variable OTEL_TRACES_SAMPLER: `sampling.sampler` cannot be jaeger_remote: `jaeger_remote` asks a \
             server what to keep, which this tracer does not do. {expects}"
        )
    );
}

#[test]
fn wrong_numbers_are_named() {
    let ratio = refused("[sampling]\nsampler = 'traceidratio'\nargument = 1.5");
    assert!(
        ratio.starts_with(
            "t.toml:3:12: `sampling.argument` cannot be \"1.5\": traceidratio takes the share of traces that is kept, from \
             0 to 1."
        ),
        "{ratio}"
    );
    for bad in ["0", "-1", "nan", "inf", "many"] {
        let text = format!("[sampling]\nsampler = 'adaptive'\nargument = '{bad}'");
        assert!(refused(&text).contains("adaptive takes the traces a second of each operation"), "{bad}");
    }
    assert_eq!(
        refused("[sampling]\ntraces_per_second = -1"),
        "t.toml:2:21: `sampling.traces_per_second` cannot be -1. It must be a number from 0 (no limit) to 1000000."
    );
    let rule = refused(
        "[[sampling.rules]]\nsampler = 'always_on'\n[[sampling.rules]]\nsampler = 'traceidratio'\nargument = 2",
    );
    assert!(rule.starts_with("t.toml:5:12: `sampling.rules[1].argument` cannot be \"2\": "), "{rule}");
    let unknown = refused("[sampling]\nrules = [{ sampler = 'always_on', rout = '/' }]");
    assert!(unknown.contains("unknown field `rout`, expected one of"), "{unknown}");
    let header = refused("[sampling]\nforce_header = 'x force'");
    assert!(header.contains("`sampling.force_header` cannot be 'x force'"), "{header}");
}

// === policies ===

fn policy(text: &str) -> Result<Vec<Policy>, ConfigError> {
    read(&format!("[sampling.tail]\npolicies = [{text}]"), &[]).map(|sampling| sampling.tail.policies)
}

#[test]
fn policies_are_written_as_the_collector_writes_them() {
    let policies = read(
        "[[sampling.tail.policies]]\nname = 'slow'\ntype = 'latency'\nlatency.threshold_ms = 500\n\
         [[sampling.tail.policies]]\nname = 'both'\ntype = 'and'\n\
         [[sampling.tail.policies.and.and_sub_policy]]\nname = 'all'\ntype = 'always_sample'",
        &[],
    )
    .expect("good")
    .tail
    .policies;
    assert_eq!(policies[0].name, "slow");
    assert!(matches!(&policies[0].kind, PolicyKind::Latency(latency) if latency.threshold_ms == 500));
    assert!(matches!(&policies[1].kind, PolicyKind::And(both) if both[0].kind == PolicyKind::AlwaysSample));
    let learned = policy("{ name = 'l', type = 'learned_latency' }").expect("settings may be left out");
    assert_eq!(
        learned[0].kind,
        PolicyKind::LearnedLatency(LearnedLatency { quantile: 0.99, min_traces: 100 })
    );
}

#[test]
fn wrong_policies_are_named() {
    let cases = [
        ("{ name = 'p', type = 'latency' }", "the policy \"p\" of type latency has no table `latency`."),
        ("{ name = 'p', type = 'lateness' }", "the policy \"p\" has the type \"lateness\", which is none."),
        (
            "{ name = 'p', type = 'probabilistic', probabilistic = { sampling_percentage = 101 } }",
            "the policy \"p\" needs a sampling_percentage from 0 to 100.",
        ),
        (
            "{ name = 'p', type = 'and', and = { and_sub_policy = [] } }",
            "the policy \"p\" is made of no policies.",
        ),
        (
            "{ name = 'p', type = 'and', and = { and_sub_policy = [{ name = 'd', type = 'drop', drop = { drop_sub_policy = \
             [{ name = 'a', type = 'always_sample' }] } }] } }",
            "the policy \"p\" has a drop policy inside: these stand at the top.",
        ),
        (
            "{ name = 'p', type = 'composite', composite = { max_total_spans_per_second = 1, policy_order = ['a'], \
             composite_sub_policy = [{ name = 'b', type = 'always_sample' }] } }",
            "the policy \"p\" names a policy that is not in its composite_sub_policy.",
        ),
        (
            "{ name = 'p', type = 'string_attribute', string_attribute = { key = 'k', values = ['('], \
             enabled_regex_matching = true } }",
            "a regular expression is wrong: error: unclosed group.",
        ),
        (
            "{ name = 'p', type = 'always_sample', hash_salt = 'x' }",
            "unknown field `hash_salt`, expected one of",
        ),
    ];
    for (text, expected) in cases {
        let message = policy(text).expect_err(text).to_string();
        assert!(message.contains("`sampling.tail.policies"), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    assert!(refused("[sampling.tail]\ndecision_wait = '11m'").contains("from \"0s\" to \"10m\""));
    assert!(refused("[sampling.tail]\nmax_bytes = 1").contains("from 65536"));
}
