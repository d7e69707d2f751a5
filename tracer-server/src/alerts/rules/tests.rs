use super::*;

fn parse(text: &str) -> Result<Rules, String> {
    Rules::parse(text, Path::new("rules.yaml")).map_err(|error| error.to_string())
}

#[test]
fn a_file_with_every_kind_of_rule() {
    let rules = parse(include_str!("../../../../deploy/alert-rules.example.yaml")).unwrap();
    let (names, targets) = rules.summary();
    assert!(names.len() >= 6, "{names:?}");
    assert_eq!(targets, 3);
    let conditions: HashSet<_> =
        rules.rules.iter().map(|rule| std::mem::discriminant(&rule.condition)).collect();
    assert_eq!(conditions.len(), 6, "every kind of condition is shown");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let rule = |condition: &str| format!("rules:\n  - name: r\n    if: {condition}\n");
    for (text, said) in [
        ("rules:\n  - name: r\n    iff: 1\n", "iff"),
        ("rules: 7", "line 1"),
        (&rule("{error_ratio: {above: 0.1, over: five}}"), "no duration"),
        (&rule("{error_ratio: {above: 5, over: 5m}}"), "a share between 0 and 1"),
        (&rule("{error_ratio: {above: .nan, over: 5m}}"), "a share between 0 and 1"),
        (&rule("{error_ratio: {above: 0.1, over: 1s}}"), "between 10s and 31d"),
        (&rule("{rate: {over: 5m}}"), "either `above` or `below`"),
        (&rule("{rate: {above: 1, below: 1, over: 5m}}"), "either `above` or `below`"),
        (&rule("{latency: {quantile: 99, above: 1s, over: 5m}}"), "quantile is 99"),
        (&rule("{slo: {objective: 0.99, windows: []}}"), "needs windows"),
        (&rule("{slo: {objective: 1}}"), "objective is 1"),
        (&rule("{absent: {over: 5m}}"), "named"),
        (&rule("{anomaly: {of: rate, season: 10m}}"), "season"),
        (&rule("{unheard: {}}"), "unheard"),
        ("notify: [{webhook: {url: ftp://x}}]", "http://"),
        (
            "rules: [{name: a, if: {rate: {above: 1, over: 1m}}}, {name: a, if: {rate: {above: 1, over: 1m}}}]",
            "same name",
        ),
        ("rules: [{name: '', if: {rate: {above: 1, over: 1m}}}]", "needs a name"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.contains(said) && error.contains("rules.yaml"), "{text}\n{error}");
    }
}

#[test]
fn secrets_are_not_printed() {
    let rules = parse("notify: [{slack: {url: 'https://hooks.example/T0/secret'}}]").unwrap();
    let text = format!("{rules:?}");
    assert!(text.contains("hooks.example") && !text.contains("secret"), "{text}");
}

#[test]
fn durations_are_written_as_they_are_read() {
    for text in ["250ms", "5m", "36h", "90s", "7d"] {
        let rules =
            parse(&format!("rules: [{{name: r, for: {text}, if: {{rate: {{above: 1, over: 1m}}}}}}]"))
                .unwrap();
        assert_eq!(rules.rules[0].hold.to_string(), text);
    }
}
