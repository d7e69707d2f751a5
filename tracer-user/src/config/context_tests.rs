//! `[context]`: names of formats, header pairs, and what is said of wrong ones.

use std::path::Path;

use tracer_protocols::context::{Format, HeaderPair};

use super::*;

fn read(text: &str, propagators: &str) -> Result<Context, ConfigError> {
    let env = [("OTEL_PROPAGATORS", propagators)].into_iter().collect();
    combine(Some((Path::new("t.toml"), text)), &Flags::default(), &env).map(|config| config.context)
}

fn refused(text: &str, propagators: &str) -> String {
    read(text, propagators).expect_err(text).to_string()
}

#[test]
fn a_file_gives_order_pairs_and_keys() {
    let context = read(
        "[context]\nformats = ['jaeger', 'custom', 'w3c']\nbaggage_keys = ['tenant']\n\
         [[context.custom]]\ntrace_id = 'x-trace-id'\nspan_id = 'x-span-id'\nbaggage_prefix = 'x-baggage-'\n\
         [[context.custom]]\ntrace_id = 'x-t'\nspan_id = 'x-s'",
        "",
    )
    .expect("good");
    assert_eq!(context.formats, [Format::Jaeger, Format::Custom, Format::W3c]);
    let pair = |trace, span, prefix| HeaderPair::new(trace, span, prefix).expect("good names");
    assert_eq!(
        context.custom,
        [pair("x-trace-id", "x-span-id", Some("x-baggage-")), pair("x-t", "x-s", None)]
    );
    assert_eq!(context.baggage_keys, ["tenant"]);
}

#[test]
fn the_standard_variable_wins_over_the_file() {
    let formats =
        |propagators| read("[context]\nformats = ['xray']", propagators).expect(propagators).formats;
    assert_eq!(formats(""), [Format::Xray]);
    assert_eq!(formats("none"), []);
    assert_eq!(
        formats("b3multi, tracecontext,baggage,b3,jaeger"),
        [Format::B3, Format::W3c, Format::Baggage, Format::Jaeger]
    );
}

#[test]
fn wrong_formats_are_named() {
    let expects = "It must be a list of \"w3c\" (or \"tracecontext\"), \"b3\" (or \"b3multi\"), \"jaeger\", \"xray\", \
                   \"baggage\" and \"custom\", or \"none\" alone.";
    assert_eq!(
        refused("[context]\nformats = ['b3', 'zipkin']", ""),
        format!(
            "t.toml:2:11: `context.formats` cannot be ['b3', 'zipkin']: \"zipkin\" is no format. {expects}"
        )
    );
    assert_eq!(
        refused("", "tracecontext,none"),
        format!(
            "environment variable OTEL_PROPAGATORS: `context.formats` cannot be tracecontext,none: \"none\" stands \
             alone. {expects}"
        )
    );
}

#[test]
fn wrong_pairs_are_named() {
    let expects = "It must be a list of up to 8 tables such as { trace_id = \"x-trace-id\", span_id = \"x-span-id\", \
                   baggage_prefix = \"x-baggage-\" }, of which baggage_prefix may be left out.";
    assert_eq!(
        refused("[context]\ncustom = [{ trace_id = 'x t', span_id = 'b' }]", ""),
        format!(
            "t.toml:2:10: `context.custom` cannot be [{{ trace_id = 'x t', span_id = 'b' }}]: \"x t\" is no name of a \
             header: use one to 128 letters, digits, `-` and `_`, without the colon. {expects}"
        )
    );
    assert!(
        refused("[context]\ncustom = [{ trace_id = 'a', span_id = 'A' }]", "")
            .contains("trace_id and span_id both name \"a\": name two headers"),
    );
    let unknown = refused("[context]\ncustom = [{ trace_id = 'a', span_id = 'b', bagage_prefix = 'c' }]", "");
    assert!(unknown.contains("unknown field `bagage_prefix`, expected one of"), "{unknown}");
    assert!(refused("[context]\ncustom = [{ trace_id = 'a' }]", "").contains("missing field `span_id`"));
    let nine = (0..9).map(|i| format!("{{ trace_id = 't{i}', span_id = 's{i}' }}")).collect::<Vec<_>>();
    let many = refused(&format!("[context]\ncustom = [{}]", nine.join(", ")), "");
    assert!(many.contains("`context.custom` cannot be [") && many.contains("up to 8"), "{many}");
}

#[test]
fn wrong_baggage_keys_are_named() {
    assert_eq!(
        refused("[context]\nbaggage_keys = ['a', 'b c']", ""),
        "t.toml:2:22: `context.baggage_keys[1]` cannot be \"b c\": it is no name that baggage can have (letters, \
         digits, `-`, `_`, `.` and the like). It must be a list of up to 64 different names in quotes."
    );
    assert!(refused("[context]\nbaggage_keys = ['a', 'a']", "").contains("it is named twice"));
    let many = (0..65).map(|i| format!("'k{i}'")).collect::<Vec<_>>().join(",");
    assert!(refused(&format!("[context]\nbaggage_keys = [{many}]"), "").contains("up to 64"));
}
