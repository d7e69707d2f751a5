//! Java programs: an archive, a module or a main class.

/// Options of java(1) that take the next argument as their value.
const WITH_VALUE: [&str; 14] = [
    "-cp",
    "-classpath",
    "--class-path",
    "-p",
    "--module-path",
    "--upgrade-module-path",
    "--add-modules",
    "--enable-native-access",
    "--add-reads",
    "--add-exports",
    "--add-opens",
    "--limit-modules",
    "--patch-module",
    "--source",
];

/// Main classes of well-known programs, whose own name says little.
const WELL_KNOWN: [(&str, &str); 6] = [
    ("org.apache.catalina.startup.Bootstrap", "tomcat"),
    ("kafka.Kafka", "kafka"),
    ("org.apache.zookeeper.server.quorum.QuorumPeerMain", "zookeeper"),
    ("org.elasticsearch.bootstrap.Elasticsearch", "elasticsearch"),
    ("org.opensearch.bootstrap.OpenSearch", "opensearch"),
    ("org.apache.cassandra.service.CassandraDaemon", "cassandra"),
];

/// What java runs, by its arguments. A name given as a system property (that of the OpenTelemetry agent, that of
/// Spring) goes before the file's.
pub(super) fn program(arguments: &[String]) -> Option<String> {
    let property = |name: &str| arguments.iter().find_map(|argument| argument.strip_prefix(name));
    let named = property("-Dotel.service.name=").or_else(|| property("-Dspring.application.name="));
    if let Some(name) = named.filter(|name| !name.is_empty()) {
        return Some(name.to_owned());
    }
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match argument {
            "-jar" => return arguments.next().and_then(archive_name),
            "-m" | "--module" => return arguments.next().and_then(main_class),
            _ if WITH_VALUE.contains(&argument) => {
                arguments.next()?;
            }
            _ if argument.starts_with(['-', '@']) => {}
            _ => return main_class(argument),
        }
    }
    None
}

/// `/srv/shop-1.2.3-SNAPSHOT.jar` is `shop`.
fn archive_name(path: &str) -> Option<String> {
    let stem = super::interpreter::stem(path);
    let mut end = 0;
    for (index, part) in stem.split('-').enumerate() {
        let digits = part.trim_start_matches('v').starts_with(|char: char| char.is_ascii_digit());
        let version = digits && (part.contains('.') || end + 1 + part.len() >= stem.len());
        if index > 0 && version || part == "SNAPSHOT" {
            break;
        }
        end += part.len() + usize::from(index > 0);
    }
    let name = stem.get(..end).filter(|name| !name.is_empty()).unwrap_or(stem);
    Some(name.to_owned()).filter(|name| !name.is_empty())
}

/// `com.acme.Main` and `com.acme/com.acme.Main` are `Main`.
fn main_class(argument: &str) -> Option<String> {
    let class = argument.rsplit('/').next().unwrap_or(argument);
    if let Some((_, name)) = WELL_KNOWN.iter().find(|(known, _)| *known == class) {
        return Some((*name).to_owned());
    }
    // A source file is compiled and run at once: "java Main.java".
    let class = class.strip_suffix(".java").unwrap_or(class);
    class.rsplit('.').next().filter(|name| !name.is_empty()).map(str::to_owned)
}
