//! What a TLS library sends and receives.

use tracer_common::event::CloseKind;
use tracer_user::{
    spans::span::{Span, SpanKind},
    telemetry::drops::Drop,
};

use crate::{
    records::Closing,
    scene::{Link, OK, Scene, get},
};

fn tls(scene: &mut Scene, client: u32, server: u32) -> Link {
    let link = scene.tcp(443);
    scene.tls(link.client, client);
    scene.tls(link.server, server);
    link
}

#[test]
fn both_ends_of_a_connection_that_was_seen_from_its_start() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = tls(&mut scene, 7, 7);
    scene.exchange(link, curl, web, "/a?b=c");
    scene.exchange(link, curl, web, "/b");
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [socket]\ncurl > GET 200\n  web < GET /b 200 [socket]\n"
    );
    let text = |span: &Span, key| {
        span.attribute(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    };
    let schemes: Vec<_> = scene
        .spans()
        .iter()
        .map(|span| match span.kind {
            SpanKind::Server => text(span, "url.scheme"),
            _ => text(span, "url.full"),
        })
        .collect();
    let count = |wanted: &str| schemes.iter().filter(|scheme| *scheme == wanted).count();
    assert_eq!((count("https"), count("https://a.example/b")), (2, 1), "{schemes:?}");
}

/// One end was seen from its start and the other was not: the position of the one's second request may be anything for the other.
#[test]
fn an_end_whose_start_was_not_seen_is_joined_with_nothing() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = tls(&mut scene, 7, 0x8000_0000);
    scene.exchange(link, curl, web, "/a");
    assert_eq!(scene.outline(), "curl > GET 200\nweb < GET /a 200\n");
}

/// A request in clear and one inside of TLS have nothing to do with each other, even at one position of one connection.
#[test]
fn what_is_inside_of_tls_is_not_what_is_outside() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(443);
    let [_, position] = scene.positions(link.client);
    scene.tls(link.server, position);
    scene.exchange(link, curl, web, "/a");
    assert_eq!(scene.outline(), "curl > GET 200\nweb < GET /a 200\n");
}

/// The end of the socket does not say how much the library sent and received, and what has arrived may be read after it.
#[test]
fn the_end_of_the_socket_is_no_loss() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = tls(&mut scene, 7, 7);
    scene.exchange(link, curl, web, "/a");
    scene.request(link, curl, web, &get("/b"));
    scene.send(link.server, web, OK.as_bytes());
    let gone = Closing { tls: true, ..Closing::default() };
    for socket in [link.server, link.client] {
        scene.close_as(socket, CloseKind::Gone, gone);
    }
    scene.receive(link.client, curl, OK.as_bytes());
    assert!(scene.spans().iter().all(|span| !span.incomplete));
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [socket]\ncurl > GET 200\n  web < GET /b 200 [socket]\n"
    );
    assert_eq!(scene.drops(Drop::LostRecord), 0);
}
