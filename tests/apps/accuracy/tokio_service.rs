//! tokio_service PORT BACK: axum and hyper's client with a pool, on tokio's multi-threaded runtime.

#![forbid(unsafe_code)]

use std::{env, io::Error, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    routing::get,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{net::TcpListener, runtime::Builder, spawn, time::sleep};

/// Worker threads: more than a small machine has, so that tasks move between them.
const WORKERS: usize = 4;

struct Caller {
    client: Client<HttpConnector, Body>,
    back: String,
}

impl Caller {
    /// No byte of the path says which request it belongs to: FNV-1a, 64 bits, of `ID:CALL`.
    async fn call(&self, id: &str, number: u8) {
        let bytes = format!("{id}:{number}");
        let hash = bytes.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |value, byte| {
            (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let Ok(uri) = format!("{}/back/{hash:016x}", self.back).parse() else { return };
        if let Ok(answer) = self.client.get(uri).await {
            // The connection goes back to the pool once the body was read.
            drop(axum::body::to_bytes(Body::new(answer.into_body()), 1 << 20).await);
        }
    }
}

/// Up to 20 ms, by the id: no two requests in a row wait alike.
async fn pause(id: &str) {
    let sum: u64 = id.bytes().map(u64::from).sum();
    sleep(Duration::from_micros(sum * 7919 % 20_000)).await;
}

async fn front(State(caller): State<Arc<Caller>>, Path((kind, id)): Path<(String, String)>) -> &'static str {
    match kind.as_str() {
        "one" => caller.call(&id, 1).await,
        "seq" => {
            caller.call(&id, 1).await;
            caller.call(&id, 2).await;
        }
        "par" => {
            tokio::join!(caller.call(&id, 1), caller.call(&id, 2));
        }
        "wait" => {
            pause(&id).await;
            caller.call(&id, 1).await;
        }
        "after" => {
            spawn(async move { caller.call(&id, 1).await });
        }
        "later" => {
            spawn(async move {
                pause(&id).await;
                caller.call(&id, 1).await;
            });
        }
        _ => {}
    }
    "ok\n"
}

fn main() -> Result<(), Error> {
    let mut args = env::args().skip(1);
    let (Some(port), Some(back)) = (args.next(), args.next()) else {
        return Err(Error::other("usage: tokio_service PORT BACK"));
    };
    Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?.block_on(async {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let service = Router::new()
            .route("/front/{kind}/{id}", get(front))
            .with_state(Arc::new(Caller { client, back }));
        axum::serve(TcpListener::bind(format!("127.0.0.1:{port}")).await?, service).await
    })
}
