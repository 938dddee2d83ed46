//! Sends generations to both destinations: `worker <spans>`. Run under callgrind by `scripts/cost`, which counts what is not the
//! main thread's. The destinations are a process of their own, which answers 200 to everything.
#![allow(clippy::unwrap_used, reason = "a program for the terminal")]
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

mod generation;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, thread};

use generation::{Texts, generation};
use tracing::level_filters::LevelFilter;
use tracing::{dispatcher, info_span};
use tracing_llm::{Langfuse, Otlp};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

/// So many end before each flush: the batches are the same in every run.
const BURST: u64 = 500;

fn main() {
    let spans = env::args().nth(1).unwrap_or_default();
    if spans == "sink" {
        sink();
    } else {
        send(spans.parse().unwrap_or(BURST));
    }
}

fn send(spans: u64) {
    let (mut sink, url) = start_sink();
    let langfuse = Langfuse::builder("pk-lf-bench", "sk-lf-bench")
        .base_url(&url)
        .gzip(false);
    let (layer, llm) = tracing_llm::builder()
        .langfuse(langfuse)
        .otlp_to(Otlp::new(&url))
        .capture_content(true)
        .build()
        .unwrap();
    let subscriber = registry().with(LevelFilter::INFO).with(layer);
    dispatcher::with_default(&subscriber.into(), || {
        let texts = Texts::new();
        let _parent = info_span!("agent", as_type = "agent").entered();
        for _ in 0..spans / BURST {
            generation(&texts, BURST);
            llm.flush_blocking(Duration::from_secs(600));
        }
    });
    drop(llm);
    sink.kill().unwrap();
    sink.wait().unwrap();
}

fn start_sink() -> (Child, String) {
    let mut sink = Command::new(env::current_exe().unwrap())
        .arg("sink")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(sink.stdout.take().unwrap())
        .read_line(&mut port)
        .unwrap();
    (sink, format!("http://127.0.0.1:{}", port.trim()))
}

/// Listens on a port that it prints, until it is killed.
fn sink() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    for connection in listener.incoming() {
        let connection = connection.unwrap();
        thread::spawn(move || while answer(&connection).is_some() {});
    }
}

/// Answers one request; nothing when there is none any more.
fn answer(mut connection: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(connection);
    let mut body = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(length) = line.strip_prefix("content-length:") {
            body = length.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    std::io::copy(&mut reader.take(body), &mut std::io::sink()).ok()?;
    connection
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .ok()
}
